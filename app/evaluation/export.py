"""An incident as a recorded case (`incident-case/1`): everything that its connectors still answer, written so that it can be
triaged again. What was guilty is not in it: that is known later, and kept apart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from app.domain.change import Change
from app.domain.errors import BadInput, FirstmateError
from app.domain.incident import Scope
from app.domain.telemetry import LogTable, MetricTable, NoData, ObjectTable, SpanTable, StatusTable, Topology
from app.domain.window import Window
from graphs.contract import Sources
from graphs.supervisor import unconnected

SCHEMA = "incident-case/1"
CHANGES_BACK = timedelta(hours=24)
"""How long before the incident a change may lie and still have caused it."""

T = TypeVar("T")


@dataclass(frozen=True)
class Exported:
    """`files` that were written; `missing`: one sentence for each source that gave nothing."""

    files: tuple[str, ...]
    missing: tuple[str, ...]


async def export_case(scope: Scope, sources: Sources, folder: Path, *, name: str) -> Exported:
    """Ask every source about `scope` once and write what they answer to `folder`.

    Secrets were taken out by whoever read them. A source that does not answer is named in the case's notes and costs the others
    nothing. Raises `BadInput` where `folder` holds something.
    """
    await asyncio.to_thread(_demand_new, folder)
    missing = [gap.statement for gap in unconnected(sources)]

    async def asked(held: Sequence[Any], ask: Callable[[Any], Awaitable[T | NoData]]) -> list[T]:
        answers: list[T] = []
        for source in held:
            try:
                answer = await ask(source)
            except FirstmateError as error:
                missing.append(f"{source.name}: {error}")
                continue
            if isinstance(answer, NoData):
                missing.append(f"{answer.source}: {answer.reason}")
            else:
                answers.append(answer)
        return answers

    earliest = min(scope.window.start, scope.reference.start) if scope.reference else scope.window.start
    changed = Window(start=earliest - CHANGES_BACK, end=scope.window.end)
    metrics: list[MetricTable] = await asked(sources.metrics, lambda source: source.metrics(scope))
    logs: list[LogTable] = await asked(sources.logs, lambda source: source.logs(scope))
    spans: list[SpanTable] = await asked(sources.spans, lambda source: source.spans(scope))
    changes: list[Sequence[Change]] = await asked(sources.changes, lambda source: source.changes(changed))
    topologies: list[Topology] = await asked(sources.topology, lambda source: source.topology(scope))
    objects: list[ObjectTable] = await asked(sources.objects, lambda source: source.objects(scope))
    statuses: list[StatusTable] = await asked(sources.statuses, lambda source: source.statuses(scope))
    held = {
        "metrics.csv": _metrics(metrics),
        "logs.jsonl": _lines(row for table in logs for row in _log_rows(table)),
        "spans.csv": _spans(spans),
        "changes.jsonl": _lines(_change(change) for some in changes for change in some),
        "topology.json": _topology(topologies),
        "k8s.jsonl": _lines({"cmd": each.command, "out": each.output} for table in objects for each in table.recorded),
        "extra.jsonl": _lines(document for table in statuses for document in table.documents),
    }
    files = {file: body for file, body in held.items() if body}
    cut = [table.truncated for some in (metrics, logs, spans, topologies, objects, statuses) for table in some]
    cut += [getattr(some, "truncated", None) for some in changes]
    notes = [*missing, *filter(None, cut)]
    files["case.json"] = json.dumps(_case(scope, name=name, files=sorted(files), notes=notes), ensure_ascii=False, indent=1) + "\n"
    await asyncio.to_thread(_write, folder, files)
    return Exported(files=tuple(sorted(files)), missing=tuple(missing))


def _demand_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is not empty; name a new folder for the case")


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_text(body, encoding="utf-8")


def _case(scope: Scope, *, name: str, files: Sequence[str], notes: Sequence[str]) -> dict[str, Any]:
    def utc(window: Window | None) -> list[str] | None:
        return None if window is None else [window.start.isoformat(), window.end.isoformat()]

    start, end = scope.window.start.isoformat(), scope.window.end.isoformat()
    onset = scope.onset.isoformat() if scope.onset else None
    return {
        "schema": SCHEMA,
        "id": name,
        "alert": scope.alert.model_dump(mode="json", exclude_none=True),
        "window": {"start": start, "end": end, "onset_estimate": onset, "reference": utc(scope.reference)},
        "candidates": list(scope.candidates),
        "answers": {"label": list(scope.labels), "remediation": list(scope.remediations)},
        "files": list(files),
        "notes": [*scope.notes, *notes],
    }


def _phase(incident: str = "incident") -> pl.Expr:
    return pl.when(incident).then(pl.lit("incident")).otherwise(pl.lit("reference")).alias("phase")


def _metrics(tables: Sequence[MetricTable]) -> str:
    """Wide: a row per moment, a column per series; the same series of two sources is one column."""
    frames = []
    for table in tables:
        columns = {str(name): table.values[:, i] for i, name in enumerate(table.names)}
        frame = pl.DataFrame({"incident": table.incident, "time": table.times, **columns}, nan_to_null=True)
        frames.append(frame.select(_phase(), pl.exclude("incident")))
    if not frames:
        return ""
    wide = pl.concat(frames, how="diagonal").group_by("phase", "time").agg(pl.all().drop_nulls().first())
    return wide.filter(~pl.all_horizontal(pl.exclude("phase", "time").is_null())).sort("time", "phase").write_csv()


def _spans(tables: Sequence[SpanTable]) -> str:
    frames = [table.frame.select(_phase(), pl.exclude("incident")) for table in tables]
    return pl.concat(frames).write_csv() if frames else ""


def _log_rows(table: LogTable) -> Iterable[dict[str, Any]]:
    for row in table.frame.iter_rows(named=True):
        known = {key: value for key, value in row.items() if key not in ("incident", "fields") and value not in (None, "")}
        fields = {"fields": _read(row["fields"])} if row["fields"] else {}
        yield {"phase": "incident" if row["incident"] else "reference", "time": row["time"], **known, **fields}


def _read(fields: str) -> Any:
    try:
        return json.loads(fields)
    except ValueError:  # a secret was taken out of it, and with it a bracket or a quote
        return fields


def _change(change: Change) -> dict[str, Any]:
    known = change.model_dump(mode="json", exclude_none=True, exclude={"at", "source", "details"})
    return {**change.details, **known, "time": _epoch(change.at)}


def _epoch(moment: datetime) -> float:
    return round(moment.timestamp(), 6)


def _topology(tables: Sequence[Topology]) -> str:
    if not tables:
        return ""
    known = Topology.joined(tables)
    return json.dumps({"edges": sorted(known.edges), "placement": known.placement}, ensure_ascii=False, indent=1) + "\n"


def _lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
