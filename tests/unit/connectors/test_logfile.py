from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.connectors import logfile, logseek
from app.connectors.logfile import CONNECTOR, Logfiles, LogfileSettings, fixed_part, service_of
from app.domain.errors import Misconfigured
from app.domain.incident import Alert, Scope
from app.domain.telemetry import LOG_SCHEMA, LogTable, NoData
from app.domain.window import Window

T = 1_790_000_000.0
SCOPE = Scope(
    alert=Alert(fired_at=datetime.fromtimestamp(T, UTC), summary="s"),
    window=Window.of_epoch(T, T + 100),
    reference=Window.of_epoch(T - 1000, T - 900),
)


def line(at: float, msg: str = "m", **more: object) -> str:
    return json.dumps({"ts": at, "level": "info", "msg": msg, **more}) + "\n"


def write(path: Path, body: str | bytes, *, mtime: float = T + 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    os.utime(path, (mtime, mtime))


def reading(path: Path, **settings: object) -> Logfiles:
    return CONNECTOR.open(LogfileSettings(paths=f"{path}/**/*.log*", **settings))


async def read(path: Path, **settings: object) -> LogTable:
    table = await reading(path, **settings).logs(SCOPE)
    assert isinstance(table, LogTable), table
    assert table.frame.schema == LOG_SCHEMA
    return table


async def test_lines_of_both_stretches_are_flagged_and_others_left(tmp_path: Path) -> None:
    write(
        tmp_path / "pay.log",
        line(T - 2000, "old") + line(T - 950, "calm") + line(T - 500, "between") + line(T + 1, "now") + line(T + 100, "after"),
    )
    table = await read(tmp_path)
    assert table.frame.select("msg", "incident", "service").rows() == [("calm", False, "pay"), ("now", True, "pay")]
    assert table.as_of_s == T + 1
    assert table.truncated is None


async def test_a_reference_inside_the_window_is_not_read_twice(tmp_path: Path) -> None:
    write(tmp_path / "pay.log", line(T + 1, "calm") + line(T + 50, "now"))
    scope = Scope(alert=SCOPE.alert, window=SCOPE.window, reference=Window.of_epoch(T, T + 20))
    table = await reading(tmp_path).logs(scope)
    assert isinstance(table, LogTable)
    assert table.frame.select("msg", "incident").rows() == [("calm", False), ("now", True)]


async def test_a_window_in_a_large_file_costs_a_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "pay.log", "".join(line(T - 40_000 + i, f"n{i} " + "x" * 300) for i in range(60_000)), mtime=T + 20_000)
    parsed = 0
    original = logfile.parse_line

    def counting(*args: object, **kwargs: object) -> object:
        nonlocal parsed
        parsed += 1
        return original(*args, **kwargs)

    monkeypatch.setattr(logfile, "parse_line", counting)
    table = await read(tmp_path)
    assert table.frame["time"].to_list() == [*(T - 1000 + i for i in range(100)), *(T + i for i in range(100))]
    assert parsed < 6_000


async def test_a_stack_trace_is_joined_to_its_line(tmp_path: Path) -> None:
    text = (
        "2026-09-21 14:13:25 ERROR boom\nTraceback (most recent call last):\n  File x\nValueError: y\n"
        "2026-09-21 14:13:26 INFO fine\n"
    )
    write(tmp_path / "pay.log", text)
    table = await read(tmp_path)
    assert table.frame["msg"].to_list() == ["ERROR boom\nTraceback (most recent call last):\n  File x\nValueError: y", "INFO fine"]
    assert table.frame["level"].to_list() == ["ERROR", "INFO"]


async def test_unreadable_lines_are_counted_and_said(tmp_path: Path) -> None:
    write(tmp_path / "pay.log", line(T + 1) + '{"ts": 17900\n' + '{"no": "time"}\n' + line(T + 2) + '{"ts": 1790000003, "ms')
    table = await read(tmp_path)
    assert table.frame.height == 2
    assert table.truncated == "2 lines could not be read"


async def test_rotated_files_are_read_and_bombs_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "pay.log.1.gz", gzip.compress((line(T + 5, "packed")).encode()))
    write(tmp_path / "broken.log.gz", b"not gzip")
    monkeypatch.setattr(logfile, "MAX_INFLATED", 1000)
    write(tmp_path / "bomb.log.gz", gzip.compress((line(T + 6, "first") + line(T + 7) * 100).encode()))
    table = await read(tmp_path)
    assert set(table.frame["msg"]) >= {"packed", "first"}
    assert table.frame.filter(msg="packed")["service"].to_list() == ["pay"]
    assert table.truncated is not None
    assert "broken.log.gz is not readable gzip" in table.truncated
    assert "bomb.log.gz inflates to more" in table.truncated


async def test_more_than_the_budget_gives_the_newest_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "pay.log", "".join(line(T + i / 100, f"n{i}") for i in range(1000)))
    table = await read(tmp_path, max_lines=10)
    assert table.frame["msg"].to_list() == [f"n{i}" for i in range(990, 1000)]
    assert table.truncated is not None
    assert "990 lines older than the newest 10" in table.truncated
    write(tmp_path / "pay.log", "".join(line(T + i / 100, f"n{i} " + "x" * 900) for i in range(3000)))
    table = await read(tmp_path, max_mb=2)
    assert table.frame["msg"][-1].startswith("n2999 ")
    assert table.frame.height < 1500
    assert table.truncated is not None
    assert "MiB of" in table.truncated


async def test_a_link_out_of_the_roots_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside" / "x.log", line(T + 1))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "pay.log").symlink_to(tmp_path / "outside" / "x.log")
    assert isinstance(await reading(tmp_path / "logs").logs(SCOPE), NoData)


async def test_secrets_are_redacted_and_entities_filter(tmp_path: Path) -> None:
    write(tmp_path / "pay.log", line(T + 1, "password=hunter2", api_key="0123456789abcdef"))
    write(tmp_path / "cart.log", line(T + 1, "other") + line(T + 2, "named", service="search"))
    table = await reading(tmp_path).logs(SCOPE, entities=["app/pay"])
    assert isinstance(table, LogTable)
    assert table.frame.height == 1
    assert "hunter2" not in table.frame["msg"][0]
    assert "0123456789abcdef" not in table.frame["fields"][0]
    assert isinstance(await reading(tmp_path).logs(SCOPE, entities=["nobody"]), NoData)


async def test_no_lines_is_no_data_and_no_files_is_unwell(tmp_path: Path) -> None:
    source = reading(tmp_path)
    assert isinstance(await source.logs(SCOPE), NoData)
    health = await source.check()
    assert not health.ok
    assert "FIRSTMATE_LOGFILE_PATHS" in health.line


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("pay.log", "pay"),
        ("pay-2026-11-20.log.gz", "pay"),
        ("pay.log.3", "pay"),
        ("pay.jsonl", "pay"),
        ("pay-api", "pay-api"),
        ("2026", "2026"),
    ],
)
def test_a_files_name_without_rotation_is_its_service(name: str, service: str) -> None:
    assert service_of(Path("/x") / name) == service


@pytest.mark.parametrize(("pattern", "root"), [("/var/log/*/x.log", "/var/log"), ("/var/log/x.log", "/var/log"), ("*.log", ".")])
def test_a_globs_root_is_its_fixed_part(pattern: str, root: str) -> None:
    assert fixed_part(pattern) == root


def test_an_unknown_zone_is_named_at_start() -> None:
    with pytest.raises(Misconfigured, match="FIRSTMATE_LOGFILE_ZONE"):
        CONNECTOR.open(LogfileSettings(paths="/x/*.log", zone="Mars/Olympus"))


HOSTILE = {
    "half a character in the text": json.dumps({"ts": T + 1, "msg": "a\ud800"}),
    "half a character in a field": json.dumps({"ts": T + 1, "msg": "a", "user": {"name \ud800": ["\udc00"]}}),
    "half a character in the service": json.dumps({"ts": T + 1, "msg": "a", "service": "\udc00"}),
    "half a character in logfmt": f'ts={T + 1} level=error msg="a\\ud800"',
    "a level of ²": json.dumps({"ts": T + 1, "level": "²", "msg": "a"}),
    "a level of ² in logfmt": f"ts={T + 1} level=² msg=a",
    "a level of 5000 digits": json.dumps({"ts": T + 1, "level": "1" * 5000, "msg": "a"}),
    "a number of 5000 digits": f'{{"ts": {T + 1}, "msg": "a", "n": {"1" * 5000}}}',
    "bytes that are no text": b'{"ts": %d, "msg": "a \xff\xed\xa0\x80"}' % (T + 1),
}
UNREADABLE = {
    "a time of 400 digits": f'{{"ts": 1{"0" * 400}, "msg": "a"}}',
    "a time of 5000 digits": f'{{"ts": 1{"0" * 5000}, "msg": "a"}}',
    "a time in words of 400 digits": json.dumps({"ts": "1" * 400, "msg": "a"}),
    "a time that is none": '{"ts": NaN, "msg": "a"}',
    "a time after all times": '{"ts": 1e300, "msg": "a"}',
    "nesting without end": '{"ts": 1, "a": ' + "[" * 100_000,
    "nesting at the limit": f'{{"ts": {T + 1}, "a": {"[" * 993}{"]" * 993}}}',
}


@pytest.mark.parametrize("name", [*HOSTILE, *UNREADABLE])
async def test_one_line_does_not_cost_the_others(tmp_path: Path, name: str) -> None:
    hostile = {**HOSTILE, **UNREADABLE}[name]
    hostile = hostile.encode() if isinstance(hostile, str) else hostile
    write(tmp_path / "pay.log", line(T + 1, "before").encode() + hostile + b"\n" + line(T + 2, "after").encode())
    table = await read(tmp_path)
    assert {"before", "after"} <= set(table.frame["msg"])
    assert table.frame.height == (3 if name in HOSTILE else 2)
    assert table.truncated == (None if name in HOSTILE else "1 line could not be read")


@pytest.mark.parametrize("depth", range(960, 1000, 3))
async def test_a_line_too_deep_to_be_written_again_costs_the_others_nothing(tmp_path: Path, depth: int) -> None:
    write(tmp_path / "pay.log", line(T + 1) + f'{{"ts": {T + 1}, "a": {"[" * depth}{"]" * depth}}}\n' + line(T + 2))
    assert (await read(tmp_path)).frame.height >= 2


async def test_a_line_that_cannot_be_read_is_counted_once_though_it_is_met_twice(tmp_path: Path) -> None:
    packed = line(T - 950) + "{\n" + line(T + 1)
    write(tmp_path / "pay.log", packed)
    write(tmp_path / "cart.log.gz", gzip.compress(packed.encode()))
    assert (await read(tmp_path)).truncated == "2 lines could not be read"


@pytest.mark.parametrize("junk", [b"x" * 600_000 + b"\n", b"no time in this line of a long dump, or anywhere near it\n" * 15_000])
async def test_a_long_stretch_without_a_time_hides_nothing_behind_it(tmp_path: Path, junk: bytes) -> None:
    before = "".join(line(T - 3000 + i / 10) for i in range(3000)).encode()
    write(tmp_path / "pay.log", before + junk + "".join(line(T + i / 100) for i in range(3000)).encode())
    table = await read(tmp_path)
    assert table.frame.filter("incident").height == 3000


async def test_a_file_that_cannot_be_searched_is_read_at_its_end_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logseek, "MAX_TIMELESS", 1000)
    write(
        tmp_path / "pay.log",
        line(T - 3000) * 5000 + "no time in this line of a long dump\n" * 10_000 + "".join(line(T + i / 100) for i in range(3000)),
    )
    table = await read(tmp_path)
    assert table.frame.filter("incident").height == 3000
    assert table.truncated is not None
    assert "pay.log tells no time for long stretches" in table.truncated


async def test_a_link_to_itself_costs_the_others_nothing_and_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "pay.log", line(T + 1))
    (tmp_path / "loop.log").symlink_to("loop.log")
    table = await read(tmp_path)
    assert table.frame.height == 1
    health = await reading(tmp_path).check()
    assert health.ok
    if sys.version_info < (3, 13):  # from there on it is no file, like any link to nothing
        assert table.truncated == "1 file could not be looked at"
        assert health.line == "1 log file, the newest pay.log; 1 file could not be looked at"


@pytest.mark.parametrize("what", ["gone", "emptied"])
async def test_a_file_rotated_away_between_two_passes_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for name in ("cart", "pay"):
        write(tmp_path / f"{name}.log", "".join(line(T + i / 1000, name) for i in range(3000)))
    search = logfile.offset_of

    def rotating(*given: Any) -> int:
        found = search(*given)
        (tmp_path / "cart.log").unlink(missing_ok=True) if what == "gone" else os.truncate(tmp_path / "cart.log", 0)
        return found

    monkeypatch.setattr(logfile, "offset_of", rotating)
    table = await read(tmp_path)
    assert set(table.frame["msg"]) == {"pay"}
    if what == "gone":
        assert table.truncated == "cart.log cannot be read (No such file or directory)"


async def test_a_broken_rotated_file_is_said_where_nothing_else_was_found(tmp_path: Path) -> None:
    write(tmp_path / "pay.log.gz", b"\x1f\x8b\x08garbage")
    answer = await reading(tmp_path).logs(SCOPE)
    assert isinstance(answer, NoData)
    assert answer.reason.endswith("; pay.log.gz is not readable gzip")
    assert answer.reason.startswith("1 log file searched: no line of 2026-")


async def test_a_rotated_file_that_is_torn_gives_what_is_before_the_tear(tmp_path: Path) -> None:
    lines = "".join(line(T + i / 100, os.urandom(20).hex()) for i in range(3000))
    write(tmp_path / "pay.log.gz", gzip.compress(lines.encode())[:-20_000])
    table = await read(tmp_path)
    assert 1000 < table.frame.height < 3000
    assert table.truncated is not None
    assert "pay.log.gz is not readable gzip to its end" in table.truncated


async def test_a_file_of_any_name_and_age_costs_the_others_nothing(tmp_path: Path) -> None:
    write(tmp_path / "pay.log", line(T + 1))
    write(tmp_path / os.fsdecode(b"c\xff\n.log"), line(T + 2), mtime=1e12)
    source = reading(tmp_path)
    table = await source.logs(SCOPE)
    assert isinstance(table, LogTable)
    assert table.frame["service"].to_list() == ["pay", "c\ufffd\ufffd"]
    assert (await source.check()).line == "2 log files, the newest c\ufffd\ufffd.log"


BOMBS = {
    "one line": gzip.compress(b"A" * (1 << 24)) * 64,
    "lines that are none": gzip.compress(b"{\n" * (1 << 23)) * 64,
    "lines of the incident": gzip.compress(line(T + 1).encode() * (1 << 18)) * 64,
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_rotated_file_that_inflates_without_end_costs_little_memory_and_no_other_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / "bomb.log.gz", BOMBS[name], mtime=T + 200)
    write(tmp_path / "pay.log", line(T + 1, "honest"))
    script = f"""
import asyncio, pathlib, re
from app.connectors import logfile
from tests.unit.connectors.test_logfile import SCOPE
logfile.DEADLINE_S = 2.0
settings = logfile.LogfileSettings(paths={str(tmp_path / "*.log*")!r}, max_lines=50_000)
table = asyncio.run(logfile.Logfiles(settings).logs(SCOPE))
assert "honest" in table.frame["msg"], table
assert "bomb.log.gz" in table.truncated, table.truncated
# not ru_maxrss: that is the test runner's own peak when the child began as its copy
print(int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 500, f"{ran.stdout.strip()} MiB"


async def test_time_spent_on_one_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "DEADLINE_S", 0.0)
    write(tmp_path / "pay.log", line(T + 1))
    answer = await reading(tmp_path).logs(SCOPE)
    assert isinstance(answer, NoData)
    assert "1 file not reached within 0 s" in answer.reason
