"""At the end of a run that replays recorded traffic: a table of provider and kind, and why whatever is missing is missing.

`pytest tests/conformance` prints it; so does `make conformance`. Reports carry what it needs, so it works under xdist.
"""

from collections import Counter, defaultdict

from conformance.corpus import recorded
from conformance.rows import STATED

KINDS = "chat chat-stream tools tools-stream vision pdf reasoning embeddings error models other".split()
RANKS = {"passed": 0, "exempt": 1, "skipped": 2, "failed": 3}
"""What has become of a recording, by what has become of its tests: the worst of them."""

_seen: dict = {}
_reasons: dict = defaultdict(set)
_stated: set = set()


def pytest_runtest_logreport(report):
    properties = dict(report.user_properties)
    if "recording" not in properties:
        return
    recording = tuple(properties["recording"])
    exempt = [value for name, value in report.user_properties if name == "exemption"]
    _stated.update(value for name, value in report.user_properties if name == "stated")
    outcome = "exempt" if exempt and report.passed else report.outcome
    if RANKS[outcome] >= RANKS[_seen.get(recording, "passed")]:
        _seen[recording] = outcome
    if report.skipped:
        exempt = [report.longrepr[2].removeprefix("Skipped: ")]
    for reason in exempt:
        _reasons[outcome, reason].add(f"{recording[0]}/{recording[2]}")


def pytest_terminal_summary(terminalreporter):
    if not _seen:
        return
    write = terminalreporter.write_line
    terminalreporter.section("recorded traffic: passed / files")
    kinds = [kind for kind in KINDS if any(_kind(recording) == kind for recording in _seen)]
    cells = defaultdict(Counter)
    for recording, outcome in _seen.items():
        for row in (recording[0], "all"):
            for column in (_kind(recording), "all"):
                cells[row, column][outcome] += 1
    width = max(len(kind) for kind in kinds) + 1
    write(f"{'':16}" + "".join(f"{kind:>{width}}" for kind in (*kinds, "all")))
    for row in (*sorted({recording[0] for recording in _seen}), "all"):
        write(f"{row:16}" + "".join(f"{_cell(cells[row, column]):>{width}}" for column in (*kinds, "all")))
    whole = cells["all", "all"]
    write("")
    write(", ".join(f"{whole[outcome]} {outcome}" for outcome in RANKS if whole[outcome]))
    for outcome in ("exempt", "skipped"):
        for reason, files in sorted((why, names) for (what, why), names in _reasons.items() if what == outcome):
            write(f"{outcome}: {reason}: {_named(sorted(files), every=outcome == 'exempt')}")
    if len(_seen) == len(list(recorded())):
        for one in STATED:
            if one.difference not in _stated:
                write(f"stated in differences.toml, and seen nowhere: {one.check}: {one.difference}")


def _kind(recording):
    return recording[1] if recording[1] in KINDS else "other"


def _cell(counts):
    return f"{counts['passed'] + counts['exempt']}/{sum(counts.values())}" if counts else "-"


def _named(files, *, every):
    """Exemptions are named one by one; of what is skipped, a few stand for many."""
    return ", ".join(files) if every or len(files) <= 3 else f"{len(files)} files, such as {files[0]}"
