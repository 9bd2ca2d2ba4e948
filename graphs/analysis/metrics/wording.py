"""The series and spans behind an opinion, written down as findings. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from app.domain.agent import Agent
from app.domain.finding import Finding, Plot
from app.domain.incident import Scope
from app.domain.quantity import said
from app.domain.telemetry import SeriesName, SpanTable
from graphs.analysis.metrics.measured import Measured
from graphs.analysis.metrics.picture import ENTRY, Clue, trust
from graphs.analysis.metrics.selftime import SpanShifts, failed
from graphs.analysis.metrics.sentences import SOURCE_MARK
from graphs.analysis.metrics.spark import downsample
from graphs.analysis.naming import bare

AGENT = Agent(name="metrics", version="1.1.0")


def utc(moment_s: float) -> datetime:
    """Aware UTC from seconds since the epoch."""
    return datetime.fromtimestamp(moment_s, UTC)


def _ms(value: float) -> str:
    return said(value / 1000, "s")


def _times(base: float, level: float) -> str:
    """By how much, as far as it means anything: nobody can use the digits of a large factor."""
    if not (base > 0 and level > 0) or 0.8 < level / base < 1.25:
        return ""
    if level < base:
        return f" (to {100 * level / base:.0f}% of it)"
    factor = level / base
    if factor > 1000:
        return " (more than 1000 times)"
    return f" ({factor:.0f} times)" if factor >= 100 else f" ({factor:.1f} times)"


def claim(moved: str, name: SeriesName, target: str, why: str) -> str:
    """What a series did and why that speaks for `target`, in one sentence that names each once, its numbers early. `moved`: what
    the finding about the series says."""
    entity = "what users see" if name.entity == ENTRY else name.entity
    own = bare(name.entity) == bare(target)
    if not own and moved.startswith(f"{entity}: {name.metric} "):
        moved = f"{target}: {name.metric} of {entity} {moved.removeprefix(f'{entity}: {name.metric} ')}"
    return f"{moved}; {why}"[:400]


class Writer:
    """Turns columns and spans into findings, each once."""

    def __init__(self, scope: Scope, measured: Measured | None, spans: SpanTable | None) -> None:
        self.scope = scope
        self.measured = measured
        self.spans = spans
        self.findings: dict[str, Finding] = {}

    def _keep(self, finding: Finding) -> str:
        self.findings.setdefault(finding.id, finding)
        return finding.id

    def column(self, column: int) -> str:
        """The id of the finding about one series."""
        assert self.measured is not None
        one, shifts = self.measured.series[column], self.measured.picture.shifts
        base, level = self._ends(column)
        moved, told = self._moved_at(column), self._told(column)
        seen = one.table.incident & np.isfinite(one.table.values[:, one.column])
        as_of = float(one.table.times[seen].max()) if seen.any() and not told else one.table.as_of_s
        return self._keep(
            Finding.of(
                agent=AGENT,
                signal="status" if told else "metrics",
                outsider_text=told,
                source=one.table.source,
                query=one.table.query(one.name),
                window=self.scope.window,
                as_of=utc(as_of),
                coverage=float(min(max(shifts.coverage[column], 0.0), 1.0)),
                statement=self._statement(column, moved)[:400],
                entity=one.name.entity,
                at=utc(moved) if moved is not None and not told else None,
                numbers={
                    "base": base,
                    "level": level,
                    "z": float(shifts.z[column]),
                    "samples_before": float(shifts.n_base[column]),
                    "samples_after": float(shifts.n_level[column]),
                },
                plot=None if told else self._plot(column, base),
            )
        )

    def _told(self, column: int) -> bool:
        """Whether somebody's sentence stated it, and nobody here measured it."""
        assert self.measured is not None
        one = self.measured.series[column]
        return one.table.query(one.name).startswith(SOURCE_MARK)

    def _ends(self, column: int) -> tuple[float, float]:
        """(before, now) in the source's own numbers."""
        assert self.measured is not None
        one, shifts = self.measured.series[column], self.measured.picture.shifts
        base, level = float(shifts.base[column]), float(shifts.level[column])
        return (one.top - base, one.top - level) if one.inverted else (base, level)

    def _unit(self, column: int) -> str:
        assert self.measured is not None
        words = self.measured.picture.words[column]
        return words.unit or ("ratio" if words.ratio else "")

    def _statement(self, column: int, moved: float | None) -> str:
        """What a series did, in one sentence. `moved`: when it first left its usual range."""
        assert self.measured is not None
        one, shifts, unit = self.measured.series[column], self.measured.picture.shifts, self._unit(column)
        base, level = self._ends(column)
        entity = "what users see" if one.name.entity == ENTRY else one.name.entity
        now, before = said(level, unit), said(base, unit)
        if self._told(column):
            return f"a detector says of {entity}: {one.name.metric} is {now}, usually {before}"
        against = "the minutes before" if shifts.own_before[column] else "the reference"
        if abs(float(shifts.z[column])) < 2:
            if abs(float(shifts.level[column] - shifts.base[column])) > 3 * float(shifts.spread[column]):
                return f"{entity}: {one.name.metric} is {now} and was so without the fault too ({against}: {before})"
            return f"{entity}: {one.name.metric} is {now}, as it usually varies (before {before})"
        clock = utc(moved if moved is not None else self.measured.onset_s).strftime("%H:%M:%SZ")
        return f"{entity}: {one.name.metric} went from {before} to {now}{_times(base, level)} against {against}, from {clock} on"

    def _plot(self, column: int, base: float) -> Plot | None:
        """The incident's samples; None without any."""
        assert self.measured is not None
        one = self.measured.series[column]
        values = one.table.values[:, one.column]
        seen = one.table.incident & np.isfinite(values)
        times, shown = downsample(one.table.times[seen], values[seen])
        if not times:
            return None
        return Plot(
            title=str(one.name),
            unit=self._unit(column),
            times=times,
            values=shown,
            onset=self.measured.onset_s,
            usual=None if self.measured.picture.shifts.own_before[column] else base,
        )

    def _moved_at(self, column: int) -> float | None:
        """When it first left three spreads around its base and stayed out for two samples, from just before the onset on."""
        assert self.measured is not None
        one, shifts = self.measured.series[column], self.measured.picture.shifts
        values = one.table.values[:, one.column]
        values = one.top - values if one.inverted else values
        late = one.table.incident & np.isfinite(values) & (one.table.times >= self.measured.onset_s)
        order = np.argsort(one.table.times[late], kind="stable")
        times, values = one.table.times[late][order], values[late][order]
        side = 1.0 if shifts.level[column] >= shifts.base[column] else -1.0
        out = (values - shifts.base[column]) * side > 3 * shifts.spread[column]
        stays = out & np.concatenate((out[1:], [True])) if len(out) else out
        return float(times[int(np.argmax(stays))]) if stays.any() else None

    def span(self, statement: str, entity: str, numbers: dict[str, float]) -> str:
        assert self.spans is not None
        return self._keep(
            Finding.of(
                agent=AGENT,
                signal="traces",
                source=self.spans.source,
                query=self.spans.query,
                window=self.scope.window,
                as_of=utc(self.spans.as_of_s),
                statement=statement[:400],
                entity=entity,
                numbers=numbers,
            )
        )


def span_findings(writer: Writer, shifts: SpanShifts, target: str, clue: Clue) -> list[str]:
    """The spans behind one clue, as findings."""
    ids = []
    if clue.channel == "own_time":
        own = sorted(
            (one for one in shifts.own if one.service == target and one.mass > 0),
            key=lambda one: (-one.mass * trust(one.z + 1), one.op),
        )
        for one in own[:2]:
            spent = f"{_ms(one.inc_ms)} of its own per call, {_ms(one.ref_ms)} before"
            text = f"{one.service}: {one.op[:120]} spends {spent}"
            ids.append(writer.span(text, target, {"own_ms": one.inc_ms, "before_ms": one.ref_ms, "z": one.z, "calls": one.n_inc}))
    elif clue.channel == "gap":
        gaps = [one for one in shifts.gaps if target in (one.service, one.callee) and one.mass > 0]
        for one in sorted(gaps, key=lambda one: (-one.mass * trust(one.z + 1), one.op))[:2]:
            which = f"a call from {one.service}" if target == one.callee else f"a call to {one.callee}"
            text = f"{target}: {which} spends {_ms(one.inc_ms)} that neither end accounts for, {_ms(one.ref_ms)} before"
            ids.append(writer.span(text, target, {"gap_ms": one.inc_ms, "before_ms": one.ref_ms, "z": one.z, "calls": one.n_inc}))
    elif clue.channel == "calls":
        calls = [
            one
            for one in shifts.calls
            if one.service == target and one.child_service == target and not (one.z < 0 and failed(one.child_op))
        ]
        for call in sorted(calls, key=lambda one: (-abs(one.z), one.op, one.child_op))[:2]:
            text = f"{target}: each {call.op[:100]} calls {call.child_op[:100]} {call.inc:.2f} times, {call.ref:.2f} before"
            ids.append(writer.span(text, target, {"per_call": call.inc, "before": call.ref, "z": call.z, "calls": call.n_inc}))
    else:
        for mark in shifts.marks:
            if mark.service == target:
                shares = f"{100 * mark.inc:.0f}% of its traced calls failed, {100 * mark.ref:.0f}% before"
                text = f"{target}: {shares}, most in {mark.op[:120]}"
                ids.append(writer.span(text, target, {"share": mark.inc, "before": mark.ref, "deepest": mark.deepest}))
    return ids
