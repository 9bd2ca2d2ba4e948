from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from app.connectors import logseek
from app.connectors.logseek import PROBE, Lost, RawLine, offset_of, raw_lines

WIDTH = 100


def time(raw: bytes) -> float | None:
    return float(raw[:10]) if raw[:10].isdigit() else None


def body(times: Sequence[int | None]) -> bytes:
    return b"".join((b"%010d" % at if at is not None else b"a" * 10).ljust(WIDTH - 1, b".") + b"\n" for at in times)


def found(times: Sequence[int | None], at_s: float) -> int:
    raw = body(times)
    return offset_of(io.BytesIO(raw), len(raw), at_s, time)


@pytest.mark.parametrize("at_s", [0, 1, 7_000, 20_000, 39_999, 50_000])
def test_a_search_ends_before_its_aim_and_within_a_probe_of_it(at_s: int) -> None:
    aim = min(at_s, 40_000) * WIDTH
    assert aim - PROBE <= found(range(40_000), at_s) <= aim


@pytest.mark.parametrize("lie", [0, 9_999_999_999])
@pytest.mark.parametrize("at_s", [7_000, 20_000, 33_333])
def test_a_line_that_lies_about_its_time_misleads_no_search(at_s: int, lie: int) -> None:
    times = [lie if i % 6 == 0 else i for i in range(40_000)]
    aim = at_s * WIDTH
    assert aim - PROBE <= found(times, at_s) <= aim


@pytest.mark.parametrize("at_s", [4_999, 5_000, 5_001, 9_999])
def test_lines_without_a_time_hide_nothing_behind_them(at_s: int) -> None:
    times = [*range(5_000), *[None] * 20_000, *range(5_000, 10_000)]
    aim = times.index(at_s) * WIDTH
    assert found(times, at_s) <= aim
    assert found(times, at_s) >= min(aim - PROBE, 5_000 * WIDTH - PROBE)


@pytest.mark.parametrize("most", ["MAX_TIMELESS", "MAX_STRAY"])
def test_a_search_among_nothing_but_lines_without_a_time_gives_up(monkeypatch: pytest.MonkeyPatch, most: str) -> None:
    assert found([None] * 40_000, 1) == 0
    monkeypatch.setattr(logseek, most, 1_000)
    with pytest.raises(Lost):
        found([None] * 40_000, 1)


@pytest.mark.parametrize("most", [None, 2 * PROBE + 7, 3])
def test_raw_lines_are_those_of_a_split_whatever_their_length(most: int | None) -> None:
    raw = b"\n".join([b"a", b"", b"b" * PROBE, b"c" * (2 * PROBE), b"d"])
    told = list(raw_lines(io.BytesIO(raw), most=most))
    *ended, last = raw[:most].split(b"\n")
    assert [line.text for line in told] == [*ended, *([last] if last else [])]
    assert sum(line.size for line in told) == len(raw[:most])
    assert [line.ended for line in told] == [True] * len(ended) + [False] * bool(last)


def test_of_a_long_line_only_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logseek, "MAX_LINE", 5)
    long = b"x" * (3 * PROBE)
    assert list(raw_lines(io.BytesIO(long + b"\ny\n"))) == [RawLine(b"xxxxx", len(long) + 1), RawLine(b"y", 2)]
