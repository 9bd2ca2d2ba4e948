"""Prometheus and what speaks its API: discovers what is there, asks a bounded number of aggregated range queries.

Only `GET`/`POST` on /api/v1/{query,query_range,series,metadata} of the configured address.
Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal, cast

import httpx2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors.http import ask, checked_url, make_client
from app.connectors.outside import parse_json
from app.connectors.promql import Matcher, Selector, is_label
from app.connectors.promshape import Derived, Family, Frame, Labels, asks, callee, derive, families
from app.domain.errors import BadInput, FirstmateError, Misconfigured, Rejected, Unreachable
from app.domain.incident import Scope
from app.domain.plugin import Health, Pairs, Plugin, Words
from app.domain.quantity import counted
from app.domain.redaction import redact
from app.domain.telemetry import MetricTable, NoData, SeriesName, Topology
from app.domain.window import Window

MAX_BYTES = 32 * 1024 * 1024
"""Of one answer."""
MAX_FAMILIES = 160
PARALLEL = 4
LONG_QUERY = 2_000
"""Above this many characters a query goes by POST."""

_SOURCE = "prometheus"


class PrometheusSettings(BaseSettings):
    """How to reach a Prometheus, and how much to ask of it."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_PROMETHEUS_", extra="ignore", frozen=True)

    url: str = Field(
        default="",
        examples=["http://prometheus:9090"],
        description="Address of the server, such as http://prometheus:9090; empty: not connected.",
    )
    token: SecretStr | None = Field(default=None, description="Bearer token to send, where the server wants one.")
    timeout_s: float = Field(default=8.0, gt=0, le=60, description="Longest wait for one answer, in seconds.")
    deadline_s: float = Field(default=15.0, gt=0, le=300, description="Longest time for one whole question; the rest is left out.")
    step_s: float = Field(default=15.0, gt=0, description="Distance of two samples asked for, in seconds; the scrape interval.")
    rate_window_s: float = Field(default=60.0, gt=0, description="Window of rate(), in seconds; four scrape intervals or more.")
    service_labels: Words = Field(
        default=("service", "app", "job"),
        description="Labels that name a service, separated by commas; the first one present wins.",
    )
    only: Pairs = Field(default_factory=dict, description="Labels every series must have: cluster=eu-1,env=prod.")
    max_series: int = Field(default=4_000, gt=0, description="Most series one question answers with.")
    max_points: int = Field(
        default=400, gt=1, le=11_000, description="Most samples per series and stretch; beyond, the step grows."
    )


@dataclass(frozen=True)
class Stretch:
    """A regular grid of moments, epoch seconds: `start`, `start + step`, … `count` of them."""

    start: float
    step: float
    count: int
    incident: bool

    @property
    def times(self) -> NDArray[np.float64]:
        return self.start + self.step * np.arange(self.count, dtype=np.float64)

    @property
    def end(self) -> float:
        return self.start + self.step * (self.count - 1)


def stretches(scope: Scope, *, step_s: float, max_points: int) -> tuple[Stretch, ...]:
    """Reference and incident, as grids. A reference that reaches into the window is not asked for twice."""
    window = scope.window
    reference = scope.reference
    if reference is not None and reference.start <= window.start < reference.end < window.end:
        window = Window(start=reference.end, end=window.end)
    found = []
    for stretch, incident in ((reference, False), (window, True)):
        if stretch is not None and stretch.end > stretch.start:
            length = stretch.length.total_seconds()
            step = max(step_s, math.ceil(length / max_points))
            found.append(Stretch(stretch.start.timestamp(), step, max(1, math.ceil(length / step)), incident))
    return tuple(found)


def parse_answer(body: bytes, *, what: str) -> Any:
    """`data` of an API answer. Raises Rejected with the server's reason, BadInput when it is not such an answer."""
    try:
        document = parse_json(body)
    except ValueError as error:
        raise BadInput(f"{what}: the answer is not JSON; is this a Prometheus?") from error
    if not isinstance(document, dict) or document.get("status") not in ("success", "error"):
        raise BadInput(f"{what}: the answer has no status; is this a Prometheus?")
    if document["status"] == "error":
        reason = redact(str(document.get("error", "")))[:200]
        kind = Unreachable if document.get("errorType") in ("timeout", "canceled", "unavailable", "internal") else Rejected
        raise kind(f"{what}: {reason or 'refused without a reason'}")
    return document.get("data")


def parse_matrix(data: Any, *, by: Sequence[str], stretch: Stretch, what: str) -> Frame:
    """A range answer on the stretch's grid. NaN where there is no sample, and for ±Inf; rows that cannot be read are counted."""
    rows = _result(data, "matrix", what)
    columns: list[NDArray[np.float64]] = []
    keys: list[tuple[str, ...]] = []
    unread = 0
    for row in rows:
        try:
            key = tuple(str(row["metric"].get(label, "")) for label in by)
            column = _on_grid(np.array([(float(at), float(value)) for at, value in row["values"]], dtype=np.float64), stretch)
        except (KeyError, TypeError, ValueError, AttributeError):
            unread += 1
            continue
        if any(redact(each) != each for each in key):  # its name must not be shown, and would not be found again by another
            unread += 1
            continue
        if key and key[0]:
            keys.append(key)
            columns.append(column)
    return Frame(tuple(keys), np.column_stack(columns) if columns else np.empty((stretch.count, 0)), unread)


def _on_grid(samples: NDArray[np.float64], stretch: Stretch) -> NDArray[np.float64]:
    """Pairs of time and value, as one column of the grid."""
    column = np.full(stretch.count, np.nan)
    samples = samples.reshape(-1, 2)
    samples = samples[np.isfinite(samples).all(axis=1)]
    place = np.rint((samples[:, 0] - stretch.start) / stretch.step)
    inside = (place >= 0) & (place < stretch.count)
    column[place[inside].astype(np.int64)] = samples[inside, 1]
    return column


def parse_value(data: Any, *, what: str) -> float | None:
    """The one number of an instant answer; None when there is none or it is not a number. Raises Rejected for several."""
    if isinstance(data, dict) and data.get("resultType") == "scalar":
        rows: list[Any] = [{"value": data.get("result")}]
    else:
        rows = _result(data, "vector", what)
    if len(rows) > 1:
        raise Rejected(f"{what}: gives {len(rows)} series where one number is wanted; name all its labels")
    try:
        value = float(rows[0]["value"][1]) if rows else math.nan
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadInput(f"{what}: the answer holds no number") from error
    return value if math.isfinite(value) else None


def denominator(query: str) -> str | None:
    """What a share's query (`a / b`, as built here) divides by; None for any other query."""
    above, slash, below = query.rpartition(" / ")
    return below if slash and above.startswith("sum by") and below.startswith("sum by") else None


class Prometheus:
    """Series, edges and single numbers of one server. `name` is what findings call the source."""

    name = _SOURCE

    def __init__(self, settings: PrometheusSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
        url = checked_url(settings.url, variable="FIRSTMATE_PROMETHEUS_URL")
        self._client = make_client(base_url=url, timeout_s=settings.timeout_s, headers=headers, transport=transport)
        self._gate = asyncio.Semaphore(PARALLEL)

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        """Rates, shares and latencies per service, route and call edge, and gauges; see `promshape` for what becomes what."""
        began = monotonic()
        grids = stretches(scope, step_s=self._settings.step_s, max_points=self._settings.max_points)
        found, note = await self._families(scope)
        asked = f"series with one of {', '.join(self._settings.service_labels)}"
        if not found:
            return NoData(_SOURCE, asked, f"prometheus holds no series with {asked.removeprefix('series with ')} in {_span(scope)}")
        only = _sides(entities)
        services = sorted({service for family in found for service in family.services})
        wanted = [family for family in found if not only or family.peer or set(only) & set(family.services)]
        left_out = [note] if note else []
        if len(wanted) > MAX_FAMILIES:
            left_out.append(f"{len(wanted) - MAX_FAMILIES} of {len(wanted)} metrics were not asked for")
        gathered = await self._gather(wanted[:MAX_FAMILIES], grids, only, began, left_out)
        unread = sum(frame.unread for _, answers in gathered for frames in answers.values() for frame in frames)
        if unread:
            left_out.append(f"{counted(unread, 'row')} of the answers could not be read")
        window_s, most = self._settings.rate_window_s, self._settings.max_series
        table = assemble(gathered, grids, services=services, window_s=window_s, only=only, most=most)
        if table is None:
            none = f"prometheus holds no samples for {', '.join(only) or 'any service'} in {_span(scope)}"
            return NoData(_SOURCE, asked, "; ".join([none, *left_out]))
        notes = [*left_out, *([table.truncated] if table.truncated else [])]
        return replace(table, truncated="; ".join(notes) or None)

    async def value(self, query: str, *, at: datetime) -> float | NoData:
        """The query's one number at `at`. A share whose numerator has no series is 0 as long as anything was counted."""
        answer = await self._instant(query, at)
        if answer is None and (below := denominator(query)) is not None:
            total = await self._instant(below, at)
            answer = 0.0 if total is not None and total > 0 else None
        return NoData(_SOURCE, query, f"prometheus holds no sample of this at {at:%H:%M:%SZ}") if answer is None else answer

    async def topology(self, scope: Scope) -> Topology | NoData:
        """Edges from client-side series: the service that measures, and the one it says it calls."""
        series, _ = await self._series(scope)
        found = families(series, types={}, service_labels=self._settings.service_labels)
        services = {service for family in found for service in family.services}
        edges = {
            (row[family.by], callee(row[family.peer], services))
            for family in found
            if family.peer
            for row in series
            if _belongs(row, family) and row.get(family.by) and row.get(family.peer)
        }
        if not edges:
            return NoData(_SOURCE, "series", f"prometheus holds no client-side series in {_span(scope)}")
        return Topology(_SOURCE, tuple(sorted(edges)))

    async def check(self) -> Health:
        try:
            await self._get("query", [("query", "1")])
        except FirstmateError as error:
            return Health(False, str(error))
        return Health(True, f"prometheus answers at {self._client.base_url}")

    async def close(self) -> None:
        await self._client.aclose()

    async def _families(self, scope: Scope) -> tuple[list[Family], str | None]:
        series, note = await self._series(scope)
        try:
            types = _types(await self._get("metadata", [("limit", "20000"), ("limit_per_metric", "1")]))
        except (Rejected, BadInput):
            types = {}  # an older or partial API; names' suffixes tell most of it
        always = tuple(Matcher(label, "=", value) for label, value in self._settings.only.items())
        found = families(series, types=types, service_labels=self._settings.service_labels)
        return [replace(family, always=always) for family in found], note

    async def _series(self, scope: Scope) -> tuple[list[Labels], str | None]:
        """What exists in both stretches; of a histogram only its sum, its count and one bucket."""
        most = self._settings.max_series * 10
        seen: dict[tuple[tuple[str, str], ...], Labels] = {}
        unread = 0
        for stretch in stretches(scope, step_s=self._settings.step_s, max_points=self._settings.max_points):
            fields = [("match[]", str(selector)) for selector in self._selectors()]
            span = [("start", f"{stretch.start:.3f}"), ("end", f"{stretch.end + stretch.step:.3f}"), ("limit", str(most))]
            rows = _rows(await self._get("series", [*fields, *span]))
            for row in rows:
                if isinstance(row, dict) and redact(text := str(row)) == text:
                    labels = {str(key): str(value) for key, value in row.items()}
                    seen[tuple(sorted(labels.items()))] = labels
                else:
                    unread += 1
        notes = [f"more than {most} series exist; the rest was not looked at"] if len(seen) >= most else []
        notes += [f"{counted(unread, 'series', 'series')} could not be read"] if unread else []
        return list(seen.values())[:most], "; ".join(notes) or None

    def _selectors(self) -> list[Selector]:
        always = tuple(Matcher(label, "=", value) for label, value in self._settings.only.items())
        named = [Selector("", (*always, Matcher(label, "!=", ""))) for label in self._settings.service_labels]
        plain = [selector.where(Matcher("__name__", "!~", ".+_bucket")) for selector in named]
        return plain + [selector.where(Matcher("__name__", "=~", ".+_bucket"), Matcher("le", "=", "+Inf")) for selector in named]

    async def _gather(
        self, wanted: Sequence[Family], grids: Sequence[Stretch], only: Sequence[str], began: float, left_out: list[str]
    ) -> list[tuple[Family, dict[str, list[Frame]]]]:
        """Each family's answers, per role one per stretch. A family that is refused or comes too late is named instead."""
        outcomes = await asyncio.gather(*(self._answers(family, grids, only, began) for family in wanted), return_exceptions=True)
        kept: list[tuple[Family, dict[str, list[Frame]]]] = []
        failed: list[FirstmateError] = []
        for family, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, FirstmateError):
                failed.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                kept.append((family, outcome))
        if failed and not kept:
            raise failed[0]
        if failed:
            left_out.append(f"{len(failed)} of {len(wanted)} metrics were not answered ({str(failed[0])[:160]})")
        return kept

    async def _answers(self, family: Family, grids: Sequence[Stretch], only: Sequence[str], began: float) -> dict[str, list[Frame]]:
        frames: dict[str, list[Frame]] = {}
        for role, (query, by) in asks(family, window_s=self._settings.rate_window_s, only=only).items():
            frames[role] = [await self._range(query, by, stretch, began) for stretch in grids]
        return frames

    async def _range(self, query: str, by: Sequence[str], stretch: Stretch, began: float) -> Frame:
        what = f"prometheus: {query[:120]} over {_clock(stretch.start)}-{_clock(stretch.end)}"
        fields = [("query", query), ("start", f"{stretch.start:.3f}"), ("end", f"{stretch.end:.3f}"), ("step", f"{stretch.step:g}")]
        async with self._gate:
            if monotonic() - began > self._settings.deadline_s:
                raise Unreachable(f"{what}: not asked, the question's {self._settings.deadline_s:g} s were used up")
            return parse_matrix(await self._get("query_range", fields, what=what), by=by, stretch=stretch, what=what)

    async def _instant(self, query: str, at: datetime) -> float | None:
        what = f"prometheus: {query[:200]} at {at:%H:%M:%SZ}"
        return parse_value(await self._get("query", [("query", query), ("time", f"{at.timestamp():.3f}")], what=what), what=what)

    async def _get(
        self, path: Literal["query", "query_range", "series", "metadata"], fields: list[tuple[str, str]], *, what: str = ""
    ) -> Any:
        told = what or f"prometheus: {path}"
        method: Literal["GET", "POST"] = "POST" if sum(len(value) for _, value in fields) > LONG_QUERY else "GET"
        timeout_s = self._settings.timeout_s
        _, body = await ask(self._client, method, f"api/v1/{path}", fields, max_bytes=MAX_BYTES, what=told, timeout_s=timeout_s)
        return parse_answer(body, what=told)


def assemble(
    gathered: Sequence[tuple[Family, Mapping[str, Sequence[Frame]]]],
    grids: Sequence[Stretch],
    *,
    services: Sequence[str],
    window_s: float,
    only: Sequence[str] = (),
    most: int,
) -> MetricTable | None:
    """One table over all stretches. Where two families measure the same thing of an entity, the first keeps the short name
    and the other's carries its own."""
    times = np.concatenate([grid.times for grid in grids])
    columns: dict[SeriesName, Derived] = {}
    for family, answers in gathered:
        joined = {role: _joined(frames, grids) for role, frames in answers.items()}
        mine: dict[SeriesName, Derived] = {}
        for derived in derive(family, joined, window_s=window_s, services=services):
            free = derived.name not in columns
            if not free and derived.name.metric.startswith("request_rate") and family.kind != "counter":
                continue  # the same requests, counted already
            name = derived.name if free else SeriesName(derived.name.entity, f"{family.name}_{derived.name.metric}")
            if _touches(name.entity, only) and not np.isnan(derived.values).all():
                mine.setdefault(name, derived)
        columns.update(mine)
    if not columns:
        return None
    kept = list(columns)[:most]
    order = np.argsort(times, kind="stable")
    incident = np.concatenate([np.full(grid.count, grid.incident) for grid in grids])[order]
    values = np.column_stack([columns[name].values for name in kept])[order]
    return MetricTable(
        source=_SOURCE,
        as_of_s=_newest(times[order], incident, values, [columns[name].rated for name in kept]),
        times=times[order],
        incident=incident,
        names=tuple(kept),
        values=values,
        queries={name: columns[name].query for name in kept},
        truncated=f"{len(columns) - most} series beyond the first {most} were left out" if len(columns) > most else None,
    )


def _newest(times: NDArray[np.float64], incident: NDArray[np.bool_], values: NDArray[np.float64], rated: Sequence[bool]) -> float:
    """The newest sample of the incident (of anything, without one). The server carries gauges forward for five minutes, so
    rates decide where there are any."""
    for telling in (values[:, np.array(rated)], values):
        known = ~np.isnan(telling).all(axis=1) if telling.shape[1] else np.zeros(len(times), dtype=np.bool_)
        for moments in (times[known & incident], times[known]):
            if moments.size:
                return float(moments[-1])
    return float(times[-1])


def _joined(frames: Sequence[Frame], grids: Sequence[Stretch]) -> Frame:
    keys = sorted({key for frame in frames for key in frame.keys})
    parts = []
    for frame, grid in zip(frames, grids, strict=True):
        place = {key: column for column, key in enumerate(frame.keys)}
        part = np.full((grid.count, len(keys)), np.nan)
        for column, key in enumerate(keys):
            if key in place:
                part[:, column] = frame.values[:, place[key]]
        parts.append(part)
    return Frame(tuple(keys), np.concatenate(parts))


def _touches(entity: str, only: Sequence[str]) -> bool:
    return not only or any(side in only for side in entity.split(">"))


def _sides(entities: Sequence[str]) -> tuple[str, ...]:
    """Services behind entity names: both ends of an edge, and the bare name of one that says its kind (`app/x`)."""
    sides = [side for entity in entities for side in entity.split(">") if side]
    return tuple(dict.fromkeys(name for side in sides for name in (side, side.partition("/")[2]) if name))


def _belongs(row: Labels, family: Family) -> bool:
    name = row.get("__name__", "")
    return name == family.name or (family.kind in ("histogram", "summary") and name == family.name + "_count")


def _result(data: Any, kind: str, what: str) -> list[Any]:
    if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data.get("result"), list):
        raise BadInput(f"{what}: the answer is no {kind}")
    return cast("list[Any]", data["result"])


def _rows(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise BadInput("prometheus: series: the answer is no list")
    return data


def _types(data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        return {}
    known = {name: rows[0] for name, rows in data.items() if isinstance(rows, list) and rows and isinstance(rows[0], dict)}
    return {name: str(row.get("type", "")) for name, row in known.items()}


def _clock(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%H:%M:%SZ}"


def _span(scope: Scope) -> str:
    return f"{scope.window.start:%Y-%m-%d %H:%M:%S}-{scope.window.end:%H:%M:%SZ}"


def _open(settings: PrometheusSettings) -> Prometheus:
    bad = [label for label in (*settings.service_labels, *settings.only) if not is_label(label)]
    if bad or not settings.service_labels:
        wrong = f"{bad[0]!r} is not a label name" if bad else "is empty"
        raise Misconfigured(f"FIRSTMATE_PROMETHEUS_SERVICE_LABELS or _ONLY: {wrong}")
    return Prometheus(settings)


CONNECTOR = Plugin(
    name="prometheus",
    summary="request rates, errors, latencies, call edges and gauges of a Prometheus",
    settings=PrometheusSettings,
    configured=lambda settings: bool(settings.url),
    open=_open,
)
