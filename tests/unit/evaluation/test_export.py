from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from polars.testing import assert_frame_equal

from app.connectors.case import RecordedCase, open_case
from app.domain.change import Change
from app.domain.errors import BadInput, Unreachable
from app.domain.incident import Alert, Scope
from app.domain.telemetry import NoData
from app.domain.window import Window
from app.evaluation.export import export_case
from app.plugged import sources_of
from graphs.contract import Sources

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE = Scope(
    alert=Alert(fired_at=NOON, summary="front is slow", service="front", labels={"route": "/orders"}, observed={"p95": [1, None]}),
    window=Window(start=NOON - timedelta(minutes=5), end=NOON + timedelta(minutes=1)),
    reference=Window(start=NOON - timedelta(minutes=20), end=NOON - timedelta(minutes=5)),
    notes=("a note",),
)
AT = NOON.timestamp()
FILES = {
    "metrics.csv": 'phase,time,"front|latency{route=""/orders"",code=""5xx""}",front>back|errors\n'
    f"reference,{AT - 600},0.1,0\nincident,{AT - 60},0.9,\nincident,{AT - 30.5},,3\n",
    "logs.jsonl": json.dumps({"phase": "reference", "time": AT - 600, "service": "back", "level": "INFO", "msg": "up"})
    + "\n"
    + json.dumps({"time": AT, "service": "back", "level": "ERROR", "msg": "it\nbroke", "trace": "t", "fields": {"a": [1]}})
    + "\n",
    "spans.csv": f'phase,trace,span,parent,service,op,start,dur_ms\nincident,t,s,,back,"GET ""a"", b",{AT},12.5\n',
    "changes.jsonl": json.dumps(
        {
            "time": AT - 90.25,
            "kind": "deploy",
            "service": "back",
            "id": "c0ffee1",
            "title": "x",
            "files": ["a"],
            "diff": "@@\n-a",
        }
    )
    + "\n"
    + json.dumps({"time": AT - 80, "kind": "flag", "service": "front", "id": "f1", "flag": "banner", "from": "off", "to": "on"})
    + "\n",
    "topology.json": json.dumps({"edges": [["front", "back"]], "placement": {"back": "node/1"}}),
    "k8s.jsonl": json.dumps({"cmd": "kubectl get pods", "out": "NAME"}) + "\n",
    "extra.jsonl": json.dumps({"doc": "status_feed", "text": "all well"}) + "\n",
}


def recorded(folder: Path) -> RecordedCase:
    """A case on disk, as the sources that an export reads."""
    folder.mkdir()
    window = {"start": SCOPE.window.start.isoformat(), "end": SCOPE.window.end.isoformat()}
    (folder / "case.json").write_text(json.dumps({"alert": {"summary": "x"}, "window": window}))
    for name, body in FILES.items():
        (folder / name).write_text(body)
    return open_case(folder)


@pytest.fixture
def source(tmp_path: Path) -> RecordedCase:
    return recorded(tmp_path / "source")


async def test_what_is_written_is_read_as_what_was_asked(source: RecordedCase, tmp_path: Path) -> None:
    done = await export_case(SCOPE, sources_of([source]), tmp_path / "case", name="INC-1")
    assert done.files == tuple(sorted([*FILES, "case.json"]))
    assert done.missing == ()
    again = open_case(tmp_path / "case")
    assert (again.name, again.scope) == ("INC-1", SCOPE)
    before, after = await source.metrics(SCOPE), await again.metrics(SCOPE)
    assert not isinstance(before, NoData)
    assert not isinstance(after, NoData)
    assert after.names == before.names
    for column in ("times", "incident", "values"):
        np.testing.assert_array_equal(getattr(after, column), getattr(before, column))
    for ask in ("logs", "spans"):
        assert_frame_equal((await getattr(again, ask)(SCOPE)).frame, (await getattr(source, ask)(SCOPE)).frame)
    for ask in ("topology", "objects", "statuses"):
        assert await getattr(again, ask)(SCOPE) == await getattr(source, ask)(SCOPE)
    assert await again.changes(SCOPE.window) == await source.changes(SCOPE.window)


@dataclass(frozen=True)
class Silent:
    """Answers for metrics and logs, badly."""

    name: str = "silent"

    async def metrics(self, scope: Scope, *, entities: Any = ()) -> NoData:
        raise Unreachable("silent did not answer within 5 s")

    async def value(self, query: str, *, at: datetime) -> NoData:
        raise Unreachable("silent did not answer within 5 s")

    async def logs(self, scope: Scope, *, entities: Any = ()) -> NoData:
        return NoData("silent", "*", "silent holds no lines")


async def test_a_source_that_gives_nothing_is_named_and_costs_the_others_nothing(source: RecordedCase, tmp_path: Path) -> None:
    held = sources_of([source])
    silent: Any = Silent()
    sources = replace(held, metrics=(silent,), logs=(silent, *held.logs))
    done = await export_case(SCOPE, sources, tmp_path / "case", name="INC-1")
    assert done.missing == ("silent: silent did not answer within 5 s", "silent: silent holds no lines")
    assert "metrics.csv" not in done.files
    assert "logs.jsonl" in done.files
    assert open_case(tmp_path / "case").scope.notes == ("a note", *done.missing)


async def test_two_sources_of_one_kind_are_one_table(source: RecordedCase, tmp_path: Path) -> None:
    held = sources_of([source])
    doubled = replace(held, metrics=held.metrics * 2, logs=held.logs * 2)
    await export_case(SCOPE, doubled, tmp_path / "case", name="INC-1")
    again = open_case(tmp_path / "case")
    before, after, lines = await source.metrics(SCOPE), await again.metrics(SCOPE), await again.logs(SCOPE)
    assert not isinstance(before, NoData)
    assert not isinstance(after, NoData)
    assert not isinstance(lines, NoData)
    np.testing.assert_array_equal(after.values, before.values)
    assert lines.frame.height == 4


async def test_changes_are_asked_for_a_day_back(tmp_path: Path) -> None:
    asked: list[Window] = []

    class Deploys:
        name = "deploys"

        async def changes(self, window: Window) -> list[Change]:
            asked.append(window)
            return [Change(id="c0ffee1", kind="deploy", at=window.start)]

    done = await export_case(SCOPE, Sources(changes=(Deploys(),)), tmp_path / "case", name="INC-1")
    assert done.missing == ("metrics: no source is connected", "logs: no source is connected")
    assert SCOPE.reference is not None
    assert asked == [Window(start=SCOPE.reference.start - timedelta(hours=24), end=SCOPE.window.end)]


async def test_a_folder_that_holds_something_is_left_alone(source: RecordedCase, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not empty"):
        await export_case(SCOPE, sources_of([source]), source.folder, name="INC-1")
    assert sorted(path.name for path in source.folder.iterdir()) == sorted([*FILES, "case.json"])
