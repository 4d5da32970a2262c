"""Links of every page lead somewhere, headings included; exceptions from the tools' rules name the rule."""

import re
from itertools import chain
from pathlib import Path

import pytest
from tree import PLUGINS, ROOT, core_modules, name

PAGES = sorted(
    page
    for page in chain(
        ROOT.glob("*.md"),
        *(ROOT.glob(f"{folder}/**/*.md") for folder in ("core", "docs", "plugins", "examples", "tests")),
    )
    # What was installed for `make test-clients` is not ours.
    if not {"node_modules", ".venv"} & set(page.parts)
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have as the end of a link, as GitHub makes them."""
    texts = (re.sub(r"[^\w\- ]", "", text.lower()) for text in HEADING.findall(page.read_text()))
    return {text.strip().replace(" ", "-") for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_a_file_and_to_a_heading(page: Path) -> None:
    for link in LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_changelog_has_a_place_for_what_is_new() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def test_no_page_and_no_module_names_a_machine() -> None:
    modules = [*core_modules(testing=True), *(path for plugin in PLUGINS for path in plugin.modules)]
    for path in [*PAGES, *modules]:
        assert not re.search(r"/home/\w+|/Users/\w+|/work/|/root/", path.read_text()), name(path)


def test_an_exception_from_a_rule_names_the_rule() -> None:
    modules = [*core_modules(testing=True), *(path for plugin in PLUGINS for path in plugin.modules)]
    for path in modules:
        assert not re.search(r"# *(noqa|type: *ignore)(?!: ?[A-Z]|\[)", path.read_text()), name(path)
