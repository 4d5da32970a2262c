"""Comparing JSON: in meaning, place by place, each difference one line; and what of a reply is lost."""

import json
import re
from collections import Counter

from conformance.rows import EXEMPTIONS, STATED


def differences(recorded, ours, place):
    """What differs. A member that is null means the same as none; 1 and 1.0 are one number."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for name in {**recorded, **ours}:
            yield from differences(recorded.get(name), ours.get(name), f"{place}.{name}")
    elif isinstance(recorded, list) and isinstance(ours, list):
        for index, (left, right) in enumerate(_aligned(recorded, ours)):
            yield from differences(left, right, f"{place}[{index}]")
    elif place.endswith(".arguments") and _parsed(recorded) == _parsed(ours):
        return
    elif recorded != ours or (isinstance(recorded, bool) is not isinstance(ours, bool)):
        yield f"{place}: recorded {shown(recorded)}, ours {shown(ours)}"


def _aligned(recorded, ours):
    """Pair up two lists. Where one is longer, whatever the other has nothing equal to stands alone."""
    if len(recorded) == len(ours):
        return zip(recorded, ours, strict=True)
    shorter, longer = sorted((recorded, ours), key=len)
    pairs, rest = [], list(shorter)
    for item in longer:
        # As many are left over as it is longer; the others are compared in order.
        alone = len(longer) - len(pairs) > len(rest) and item not in rest
        other = None if alone or not rest else rest.pop(rest.index(item) if item in rest else 0)
        pairs.append((item, other) if longer is recorded else (other, item))
    return pairs


def _parsed(text):
    """What JSON says, whatever spaces it has."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def leaves(value, place=""):
    """Every value that holds no others, with its place; places in lists are not told apart."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{place}[]")
    elif value is not None:
        yield place, json.dumps(value)


def lost(recorded, ours, moved=()):
    """What recorded events have that ours have not, each place with its value.

    What every chunk of a stream repeats at its top need not be repeated. `moved`: places, and where their values may be instead.
    """
    ours = Counter(leaves(ours))
    for (place, value), times in (Counter(leaves(recorded)) - ours).items():
        once = not place.removeprefix("[].").strip("abcdefghijklmnopqrstuvwxyz_")
        if not (once and ours[place, value]) and not ours[f"[].{dict(moved).get(place.removeprefix('[].'))}", value]:
            yield f"{place.removeprefix('[].')}: lost {shown(json.loads(value))}" + (
                f" ({times} times)" if times > 1 else ""
            )


def shown(value):
    """A JSON value, short enough to be read in a failure."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:150]}... ({len(text)} characters)"


def settle(check, replay, found, record_property):
    """Fail for every difference that is neither stated nor an exemption, and for every exemption that is not needed any more."""
    name = repr(replay.cassette)
    stated = [
        one
        for one in STATED
        if re.fullmatch(one.check, check)
        and re.fullmatch(one.dialect or ".*", replay.dialect.name if replay.dialect else "")
        and re.fullmatch(one.plugin or ".*", replay.row.plugin)
    ]
    found, rest = [], found
    for line in rest:
        known = next((one for one in stated if re.search(one.difference, line)), None)
        if known is None:
            found.append(line)
        else:
            record_property("stated", known.difference)
    exemptions = [one for one in EXEMPTIONS if one.file == name and re.fullmatch(one.check, check)]
    for one in exemptions:
        record_property("exemption", f"{check}: {one.why}")
    unneeded = [one.difference for one in exemptions if not any(re.search(one.difference, line) for line in found)]
    left = [line for line in found if not any(re.search(one.difference, line) for one in exemptions)]
    assert not left, f"{name}, {check}:\n  " + "\n  ".join(left[:20])
    assert not unneeded, f"{name}, {check}: differences.toml names what is not there any more: {unneeded}"
