"""What a diff takes away altogether, and whether what fails now speaks of it: a right, a port, a field that is missed."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from graphs.analysis.changes.reading.files import INERT, file_kind
from graphs.analysis.changes.reading.hunks import hunks
from graphs.analysis.changes.suspects.ties import Seen, peculiar


def taken_away(diff: str, files: Sequence[str]) -> frozenset[str]:
    """Peculiar names and numbers that stand on removed lines of what runs and nowhere else in the diff."""
    old, new = [], []
    for hunk in hunks(diff, files):
        if file_kind(hunk.path) not in INERT:
            old += [line.text for line in hunk.lines if line.sign == "-"]
            new += [line.text for line in hunk.lines if line.sign != "-"]
    return peculiar("\n".join(old)) - peculiar("\n".join(new))


def missed(diff: str, files: Sequence[str], seen: Sequence[Seen]) -> bool:
    """Whether what fails now speaks of something that was taken away."""
    told = _told(diff, seen)
    return bool(told) and bool(taken_away(diff, files) & told)


def named(diff: str, files: Sequence[str], seen: Sequence[Seen]) -> bool:
    """Whether what fails now names, in a name of several words, something on both sides of the diff."""
    told = _told(diff, seen)
    if not told:
        return False
    old, new = [], []
    for hunk in hunks(diff, files):
        if file_kind(hunk.path) not in INERT:
            old += [line.text for line in hunk.lines if line.sign == "-"]
            new += [line.text for line in hunk.lines if line.sign == "+"]
    return bool(told & peculiar("\n".join(old)) & peculiar("\n".join(new)))


def _told(diff: str, seen: Sequence[Seen]) -> frozenset[str]:
    """Peculiar names of the symptoms that stand in the diff at all: usually none, and its lines need not be taken apart."""
    return frozenset(name for symptom in seen for name in symptom.peculiar if name in diff)


_PLACE = re2.compile(
    r"(?i)\b\w{0,20}(?:field|index|idx|column|col|position|pos|offset|slot|ordinal|channel|bit)\w{0,10}[\"']?\s*[:=(]\s*(\d{1,6})\b"
)


def overrun(diff: str, files: Sequence[str], seen: Sequence[Seen]) -> bool:
    """Whether what fails reached for a place beyond the end, and the diff is where just that place is named, for the first time."""
    reached = frozenset(number for symptom in seen for number in symptom.overrun)
    if not reached:
        return False
    old, new = set(), set()
    for hunk in hunks(diff, files):
        if file_kind(hunk.path) not in INERT:
            old |= {found for line in hunk.lines if line.sign != "+" for found in _PLACE.findall(line.text)}
            new |= {found for line in hunk.lines if line.sign == "+" for found in _PLACE.findall(line.text)}
    return bool(reached & (new - old))
