from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.errors import KeyStoreError
from taxiway.keystore import Environment
from taxiway.testing.keystore import KeyStoreContract
from taxiway_env import taxiway_key_stores
from taxiway_env.files import Files
from taxiway_env.variables import Variables, variables

ENV, FILE = taxiway_key_stores()


class TestEnvContract(KeyStoreContract):
    registration = ENV

    @pytest.fixture
    def known(self):
        return "PLANTED"

    @pytest.fixture
    def options(self, tmp_path):
        (tmp_path / "keys.env").write_text(f"PLANTED={self.VALUE}\n")
        return {"file": str(tmp_path / "keys.env")}


class TestFileContract(KeyStoreContract):
    registration = FILE

    @pytest.fixture
    def known(self, tmp_path):
        (tmp_path / "key").write_text(self.VALUE + "\n")
        return str(tmp_path / "key")


async def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text("A=file\nB=file\nEMPTY=\n")
    store = Variables({"A": "environment", "B": "", "C": "environment", "EMPTY": ""}, file)
    assert (await store.get("A")).reveal() == "environment"
    assert (await store.get("B")).reveal() == "file"
    assert isinstance(store, Environment)
    assert store.environment() == {"A": "environment", "B": "file", "C": "environment"}
    with pytest.raises(KeyStoreError, match="is not set"):
        await store.get("EMPTY")


async def test_a_rotated_key_is_seen(tmp_path):
    file = tmp_path / ".env"
    file.write_text("A=old")
    store = Variables({}, file)
    assert (await store.get("A")).reveal() == "old"
    file.write_text("A=new")
    assert (await store.get("A")).reveal() == "new"


@pytest.mark.parametrize("key", ["sk-planted-literal-key", "sk_planted0123456789", "AIzaPlantedLiteral", "planted" * 9])
async def test_a_key_in_place_of_a_name_is_not_shown(key):
    with pytest.raises(KeyStoreError) as raised:
        await Variables({}, Path("nowhere")).get(key)
    assert "planted" not in str(raised.value).lower()


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "my_key"])
async def test_a_missing_variable_is_named(name):
    with pytest.raises(KeyStoreError, match=f"env:{name}: is not set, neither in the environment nor in nowhere"):
        await Variables({}, Path("nowhere")).get(name)


async def test_a_file_that_is_there_and_can_not_be_read_is_said(tmp_path, caplog):
    (tmp_path / "utf-16").write_text("A=1", "utf-16")
    home = Path("~nobody-of-this-name/.env")
    unread = (
        (tmp_path, "is a directory"),
        (tmp_path / "utf-16", "is not UTF-8"),
        (home, "there is no such home folder"),
    )
    for file, said in unread:
        with pytest.raises(KeyStoreError, match=f"env:A: is not set, and {file} can't be read: {said}"):
            await Variables({}, file).get("A")
        assert Variables({"B": "1"}, file).environment() == {"B": "1"}
        assert caplog.messages.pop().endswith(f"{file} can't be read: {said}")


def test_a_missing_file_has_no_variables(tmp_path, caplog):
    assert Variables({"A": "1"}, tmp_path / "none").environment() == {"A": "1"}
    assert not caplog.messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("export A=1\n  B = 2 ", {"A": "1", "B": "2"}),
        ("A='it''s'\nB='#1 \\n'  # said so", {"A": "'it''s'", "B": "#1 \\n"}),
        ('A="one\\ntwo \\"x\\" \\\\"', {"A": 'one\ntwo "x" \\'}),
        ("A=b#c\nB=b #c\nC= # empty", {"A": "b#c", "B": "b", "C": ""}),
        ('A="{\n  \\"type\\": 1\n}"\nB=2', {"A": '{\n  "type": 1\n}', "B": "2"}),
        ("# A=1\nnot an assignment\n1A=2\nB=2\r\nC=3", {"B": "2", "C": "3"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=a=b==", {"A": "a=b=="}),
    ],
)
def test_a_file_is_read_as_people_write_it(text, expected):
    assert variables(text) == expected


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    variables(text)


@given(
    st.text(st.characters(exclude_characters="'\r", exclude_categories=["Cs"])),
)
def test_single_quotes_keep_a_value_as_it_is(value):
    assert variables(f"A='{value}'\nB=1") == {"A": value, "B": "1"}


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not text")])
async def test_a_file_without_a_key_says_so(tmp_path, content, said):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyStoreError, match=said):
        await Files().get(str(tmp_path / "key"))


@pytest.mark.parametrize("content", [b"value\n", b"value\r\n\r\n", b" value \n", b"\xef\xbb\xbfvalue\r\n"])
async def test_what_editors_and_tools_leave_around_a_key_is_not_part_of_it(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    assert (await Files().get(str(tmp_path / "key"))).reveal() == "value"
    store = Variables({"HERE": content.decode("utf-8-sig")}, tmp_path / "none")
    assert (await store.get("HERE")).reveal() == "value"
    assert store.environment() == {"HERE": "value"}


async def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_bytes(b"value\r\n")
    assert (await Files().get("~/key")).reveal() == "value"


async def test_a_folder_or_a_huge_file_is_no_key(tmp_path):
    with pytest.raises(KeyStoreError, match="is a directory"):
        await Files().get(str(tmp_path))
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    with pytest.raises(KeyStoreError, match="larger"):
        await Files().get(str(tmp_path / "large"))
