"""Which statement became which: what only moved, what is a version of what, and what is left over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import re2

from graphs.analysis.changes.reading.constants import declares
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import last_names, name_of
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set
from graphs.analysis.changes.vocabulary.calls import TRIVIAL

_PAIR_AT = 0.5
_CROWDED, _NEAR = 4000, 12  # pairs beyond which only neighbours are compared, and how far neighbours stand apart


def without_rewrapped(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Without stretches that hold the same tokens in the same order, on other lines."""
    same = {
        block
        for block in {one.block for one in old}
        if [text for one in old if one.block == block for text in one.key]
        == [text for one in new if one.block == block for text in one.key]
    }
    return [one for one in old if one.block not in same], [one for one in new if one.block not in same]


def without_same(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[
    list[Statement], list[Statement], list[tuple[Statement, Statement]]
]:  # fmt: skip
    """Cancels statements that only moved, nearest block first; what moved is returned in pairs."""
    waiting: dict[tuple[str, ...], list[Statement]] = {}
    for one in new:
        waiting.setdefault(one.key, []).append(one)
    left: list[Statement] = []
    moved: list[tuple[Statement, Statement]] = []
    for one in old:
        same = waiting.get(one.key)
        if same:
            nearest = min(same, key=lambda other: (other.path != one.path, abs(other.block - one.block)))
            same.remove(nearest)
            moved.append((one, nearest))
        else:
            left.append(one)
    kept = {id(one) for listed in waiting.values() for one in listed}
    return left, [one for one in new if id(one) in kept], moved


def paired(
    old: Sequence[Statement], new: Sequence[Statement]
) -> tuple[list[tuple[Statement, Statement]], list[Statement], list[Statement]]:
    """Old and new statements that are versions of one another, best match first within a block; and what is left over."""
    scored: list[tuple[float, int, int]] = []
    crowded = len(old) * len(new) > _CROWDED
    profiles = [_Profile.of(one) for one in old], [_Profile.of(one) for one in new]
    for row, before in enumerate(old):
        for column, after in enumerate(new):
            far = crowded and abs(row - column) > _NEAR
            if not far and before.path == after.path and abs(before.block - after.block) <= 1:
                likeness = _likeness(profiles[0][row], profiles[1][column])
                if likeness >= _PAIR_AT:
                    scored.append((-likeness, row, column))
    pairs: list[tuple[Statement, Statement]] = []
    rows: set[int] = set()
    columns: set[int] = set()
    for _, row, column in sorted(scored):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((old[row], new[column]))
    return (
        pairs,
        [one for place, one in enumerate(old) if place not in rows],
        [one for place, one in enumerate(new) if place not in columns],
    )


_SAME_CALL = 0.7


def moved_on(gone: Sequence[Statement], come: Sequence[Statement]) -> tuple[
    list[tuple[Statement, Statement]], list[Statement], list[Statement]
]:  # fmt: skip
    """Statements that make the same calls in another place; and what is left over."""
    if len(gone) * len(come) > _CROWDED:
        return [], list(gone), list(come)
    profiles = {id(one): _Profile.of(one) for one in (*gone, *come)}
    names = {id(one): last_names(one) - TRIVIAL for one in (*gone, *come)}
    scored = [
        (-likeness, row, column)
        for row, before in enumerate(gone)
        for column, after in enumerate(come)
        if names[id(before)] & names[id(after)] and (likeness := _likeness(profiles[id(before)], profiles[id(after)])) >= _SAME_CALL
    ]
    rows: dict[int, int] = {}
    for _, row, column in sorted(scored):
        if row not in rows and column not in rows.values():
            rows[row] = column
    return (
        [(gone[row], come[column]) for row, column in sorted(rows.items())],
        [one for row, one in enumerate(gone) if row not in rows],
        [one for column, one in enumerate(come) if column not in rows.values()],
    )


@dataclass(frozen=True)
class _Profile:
    """What of a statement is compared: its name, and its tokens with numbers and strings masked."""

    name: str | None
    shapes: Counter[str]
    size: int
    setting: tuple[frozenset[str], tuple[str, ...]] | None  # stems of its key and texts of its value, of a configured one

    @classmethod
    def of(cls, one: Statement) -> _Profile:
        shapes = Counter(token.kind if token.kind in ("number", "string") else token.text for token in one.tokens)
        name = name_of(one)
        configured = name is not None and file_kind(one.path) == "config"
        setting = (stem_set([(name or "").rpartition("/")[2]]), one.key[2:]) if configured else None
        return cls(name, shapes, len(one.tokens), setting)


def _likeness(before: _Profile, after: _Profile) -> float:
    """Share of tokens in common, 0..1, in any order; 1 where both give a value to the same name."""
    if before.name is not None and before.name == after.name:
        return 1.0
    if before.setting and after.setting and not before.setting[0] & after.setting[0] and before.setting[1] != after.setting[1]:
        return 0.0  # another setting, however alike it looks
    if 2.0 * min(before.size, after.size) < _PAIR_AT * (before.size + after.size):
        return 0.0
    small, large = (before.shapes, after.shapes) if len(before.shapes) <= len(after.shapes) else (after.shapes, before.shapes)
    common = sum(min(count, large[shape]) for shape, count in small.items() if shape in large)
    return 2.0 * common / max(1, before.size + after.size)


_PASSED_ON = re2.compile(r"^if err != nil \{? ?(?:return (?:\w+, )*(?:err|fmt\.Errorf\(.*\)) ?\}?)?$")
_HANDED_ON = re2.compile(r"^(?:Err\(\w+\) => (?:return )?Err\(\w+(?:\.into\(\))?\)|Ok\((\w+)\) => \w+),?$")


def boilerplate(one: Statement) -> bool:
    """What carries no behaviour of its own: passing an error on, or opening a plain block."""
    if _HANDED_ON.match(one.text) or declares(one):
        return True
    if one.text.startswith(("return nil, err", "return err", "return None, err", "@Override")) or _PASSED_ON.match(one.text):
        return True
    texts = [token.text for token in one.tokens]
    return not texts or texts in (["if", "err", "!=", "nil"], ["return"], ["return", "nil"], ["try"], ["}", "else"], ["pass"])
