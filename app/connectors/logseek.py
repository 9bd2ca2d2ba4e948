"""The lines of a log file, whatever is in it, and where in it a moment lies. Lines are nearly in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedIOBase
from math import inf
from statistics import median_low
from time import monotonic
from typing import NamedTuple

from app.connectors.logline import MAX_LINE

PROBE = 256 * 1024
"""Bytes read at once; a search ends within as many of its aim."""
VOTES = 5
"""Lines whose times say together where a search has landed: one that lies misleads nobody."""
MAX_TIMELESS = 20_000
"""Lines without a time that a search goes through before it gives up."""
MAX_STRAY = 64 * 1024 * 1024
"""Bytes without one that it goes through."""


class Lost(Exception):
    """No line tells a time for too long a stretch."""


class RawLine(NamedTuple):
    """`text` without its end, at most MAX_LINE bytes of it; `size` in the file, its end included; whether it has an end."""

    text: bytes
    size: int
    ended: bool = True


def raw_lines(file: BufferedIOBase, *, most: int | None = None, until_s: float = inf) -> Iterator[RawLine]:
    """Lines from where `file` stands, in its next `most` bytes: a piece at a time, so that a line without an end costs no more
    memory than any other. Raises TimeoutError after `until_s`, monotonic, whether or not there was a line."""
    kept, size = b"", 0
    while piece := file.read1(PROBE if most is None else min(PROBE, most)):  # of a torn rotated file read() loses what it had
        most = None if most is None else most - len(piece)
        *ended, rest = piece.split(b"\n")
        for part in ended:
            if monotonic() > until_s:
                break
            yield RawLine((kept + part)[:MAX_LINE], size + len(part) + 1)
            kept, size = b"", 0
        if monotonic() > until_s:
            raise TimeoutError("it takes too long")
        kept, size = kept if len(kept) >= MAX_LINE else (kept + rest)[:MAX_LINE], size + len(rest)
    if size:
        yield RawLine(kept, size, ended=False)


def offset_of(file: BufferedIOBase, size: int, at_s: float, time: Callable[[bytes], float | None]) -> int:
    """An offset no later than the first line at or after `at_s`, within one probe of it; `time` is a line's own.

    Raises Lost.
    """
    low, high = 0, size
    while high - low > PROBE // 4:
        middle = (low + high) // 2
        landed = _landed(file, middle, high, time)
        if landed is not None and landed.at_s < at_s:
            low = landed.offset
        else:
            high = middle
    return low


class Landed(NamedTuple):
    """Where the first line with a time begins, and the middle one of its and the next few lines' times."""

    offset: int
    at_s: float


def _landed(file: BufferedIOBase, start: int, end: int, time: Callable[[bytes], float | None]) -> Landed | None:
    """None when no line that begins behind `start` and before `end` has a time. Raises Lost."""
    file.seek(start)
    place, first, timeless = start, start, 0
    times: list[float] = []
    for raw in raw_lines(file, most=MAX_STRAY):
        torn, begins, place = place == start, place, place + raw.size
        if begins >= end and not times:
            return None
        at_s = None if torn or not raw.ended else time(raw.text)
        if at_s is None:
            timeless += 1
            if timeless > MAX_TIMELESS:
                break
            continue
        first = first if times else begins
        times.append(at_s)
        if len(times) == VOTES:
            break
    if times:
        return Landed(first, median_low(times))
    if timeless > MAX_TIMELESS or place - start >= MAX_STRAY:
        raise Lost
    return None
