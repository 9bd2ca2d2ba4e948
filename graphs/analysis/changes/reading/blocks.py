"""What stands in and around a statement of a hunk's image, by how far lines are set in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.analysis.changes.reading.statements import Statement, defined


def under(hunk: Sequence[Statement], place: int) -> list[Statement]:
    """The block that a statement opens."""
    found: list[Statement] = []
    for one in hunk[place + 1 :]:
        if one.indent <= hunk[place].indent:
            break
        found.append(one)
    return found


def around(hunk: Sequence[Statement], place: int) -> Iterator[Statement]:
    """What opens the blocks that a statement stands in, the nearest first."""
    level = hunk[place].indent
    for one in reversed(hunk[:place]):
        if one.indent < level:
            level = one.indent
            yield one


def function(hunk: Sequence[Statement], place: int) -> Statement | None:
    """What opens the function that a statement stands in, where the hunk shows it."""
    return next((one for one in around(hunk, place) if defined(one.text) is not None), None)
