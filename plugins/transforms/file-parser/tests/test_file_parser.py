"""Files become text where they must, and only there."""

import base64
import io
import subprocess
import sys
import threading

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

import taxiway_file_parser
from taxiway.call import NOTHING
from taxiway.chat import CHAT
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.testing.dialect import make_call, make_endpoint
from taxiway.testing.transform import MODALITIES, TransformContract
from taxiway_file_parser.parser import FileParser
from taxiway_file_parser.text import Unreadable, text_of


def pdf(text="The code is 7431.", *, password=None):
    writer = PdfWriter()
    page = writer.add_blank_page(300, 100)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    names = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(names)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    content = DecodedStreamObject()
    content.set_data(f"BT /F1 12 Tf 10 50 Td ({text}) Tj ET".encode() if text else b"")
    page[NameObject("/Contents")] = writer._add_object(content)
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return f"data:application/pdf;base64,{base64.b64encode(out.getvalue()).decode()}"


def body(data, **more):
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": data}, "cache_control": {"type": "ephemeral"}}
    content = [{"type": "text", "text": "What is the code?"}, file]
    return {"model": "acme/model-1", "messages": [{"role": "user", "content": content}], **more}


def call(given, **plugin):
    made = make_call(CHAT, given)
    made.plugins = {"file-parser": {"id": "file-parser", **plugin}} if plugin else NOTHING
    return made


TEXT_ONLY = make_endpoint("chat", "chat")
ALL = make_endpoint("chat", "chat", inputs=MODALITIES)


class TestContract(TransformContract):
    module = taxiway_file_parser
    registration = next(iter(taxiway_file_parser.taxiway_transforms()))
    bodies = (body(pdf()), body("data:text/plain;base64,SGVsbG8="))


@pytest.fixture
def parser():
    return FileParser(1000, 30.0)


async def test_the_text_of_a_pdf_takes_its_place_and_its_cache_mark_stays(parser):
    given = call(body(pdf()))
    made = await parser.request(given, TEXT_ONLY, given.body)
    text, part = made["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is the code?"}
    assert part["text"].startswith("<file name='a.pdf'>\n")
    assert "The code is 7431." in part["text"]
    assert part["cache_control"] == {"type": "ephemeral"}
    assert "file" not in part


@pytest.mark.parametrize(
    ("endpoint", "plugin", "expected"),
    [
        (TEXT_ONLY, {}, True),
        (ALL, {}, False),
        (ALL, {"pdf": {"engine": "pdf-text"}}, True),
        (TEXT_ONLY, {"pdf": {"engine": "native"}}, False),
        (TEXT_ONLY, {"enabled": False}, False),
        (ALL, {"pdf": {}}, False),
    ],
)
def test_who_gets_text_follows_from_the_endpoint_and_the_request(parser, endpoint, plugin, expected):
    assert parser.applies(call(body(pdf()), **plugin), endpoint) is expected


async def test_an_engine_that_is_not_here_is_refused_by_name(parser):
    given = call(body(pdf()), pdf={"engine": "mistral-ocr"})
    assert parser.applies(given, ALL)
    with pytest.raises(InvalidRequest, match="mistral-ocr"):
        await parser.request(given, ALL, given.body)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pdf(""), "pictures"),
        (pdf(password="secret"), "password"),
        ("data:application/pdf;base64,JVBERi0xLjQKbm9uc2Vuc2U=", "can't be read"),
        ("data:application/pdf;base64,!!", "base64"),
        ("data:application/zip;base64,UEsDBA==", "neither"),
        ("data:text/plain;base64,//79", "UTF-8"),
        ("https://example.com/a.pdf", "data URL"),
    ],
)
async def test_what_has_no_text_is_unsupported_and_says_why_and_where(parser, data, said):
    given = call(body(data))
    with pytest.raises(Unsupported, match=said) as raised:
        await parser.request(given, TEXT_ONLY, given.body)
    assert raised.value.field == "messages[0].content[1].file"


async def test_a_file_that_a_provider_keeps_goes_to_it_as_it_is(parser):
    given = call(body(pdf()))
    kept, none = ({"type": "file", "file": file} for file in ({"file_id": "file-1"}, {"filename": "a.pdf"}))
    asked = {"messages": [{"role": "user", "content": [kept]}]}
    assert await parser.request(given, TEXT_ONLY, asked) == asked
    with pytest.raises(Unsupported, match="no data"):
        await parser.request(given, TEXT_ONLY, {"messages": [{"role": "user", "content": [none]}]})


def test_long_texts_are_cut():
    assert len(text_of("data:text/plain," + "a" * 5000, 1000)) == 1000
    assert text_of("data:text/plain,a%20b", 1000) == "a b"
    with pytest.raises(Unreadable):
        text_of("nonsense", 10)


async def test_files_that_take_too_long_never_take_more_than_their_threads(monkeypatch):
    begun, go_on = [], threading.Event()

    def stuck(data, most):
        begun.append(data)
        go_on.wait(10)
        return "text"

    monkeypatch.setattr("taxiway_file_parser.parser.text_of", stuck)
    parser, given = FileParser(1000, 0.05), call(body(pdf()))
    try:
        for _ in range(4):
            with pytest.raises(Unsupported, match="within"):
                await parser.request(given, TEXT_ONLY, given.body)
        assert len(begun) == 2
    finally:
        go_on.set()
    patient = FileParser(1000, 5.0)
    patient._slots = parser._slots
    made = await patient.request(given, TEXT_ONLY, given.body)
    assert "text" in made["messages"][0]["content"][1]["text"]


def test_a_start_does_not_wait_for_the_library_that_reads_pdfs():
    code = (
        "import sys, taxiway_file_parser as it; from taxiway.testing.dialect import context; "
        "(one,) = it.taxiway_transforms(); one.build(it.Options(), context()); print('pypdf' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
