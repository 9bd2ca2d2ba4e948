from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.connectors import logfile
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
    return CONNECTOR.open(LogfileSettings(paths=f"{path}/**/*.log*", **settings))  # type: ignore[arg-type]


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
        return original(*args, **kwargs)  # type: ignore[arg-type]

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
