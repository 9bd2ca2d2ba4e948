"""All series of all sources in one picture: turned so that more is worse, measured, and the onset found. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.telemetry import MetricTable, SeriesName
from graphs.analysis.metrics.picture import Picture
from graphs.analysis.metrics.shift import Shifts, change_points, consensus_onset, joined, measure
from graphs.analysis.metrics.symptom import NEVER, Stretch, while_it_shows
from graphs.analysis.metrics.words import read


@dataclass(frozen=True)
class Series:
    """One measured column: where it came from, and its numbers as the source gives them."""

    table: MetricTable
    column: int
    name: SeriesName
    top: float  # for a success ratio: what counts as all; its shift is measured on what is missing from it

    @property
    def inverted(self) -> bool:
        return self.top > 0


@dataclass(frozen=True)
class Measured:
    series: tuple[Series, ...]
    picture: Picture
    onset_s: float
    found_onset_s: float | None


def _badness(table: MetricTable) -> tuple[NDArray[np.float64], list[float]]:
    """The table's values with success ratios turned into what is missing from all, and that all (0: not turned)."""
    values = table.values.astype(np.float64, copy=True)
    values[~np.isfinite(values)] = np.nan
    tops = []
    for column, name in enumerate(table.names):
        top = 0.0
        if read(name.metric).family == "success":
            seen = values[:, column][~np.isnan(values[:, column])]
            if len(seen) and seen.max() > 0:
                top = float(seen.max())
                values[:, column] = top - values[:, column]
        tops.append(top)
    return values, tops


def _find_onset(tables: Sequence[tuple[MetricTable, NDArray[np.float64]]]) -> float | None:
    """The moment most series agree on, within the incident's stretch; None where nothing moved. As much of the reference as
    there is incident stands in front, wherever it was recorded: a fault may be there from the stretch's first sample on."""
    best: tuple[float, float] | None = None
    for table, values in tables:
        here = np.flatnonzero(table.incident)
        here = here[np.argsort(table.times[here], kind="stable")]
        if len(here) == 0:
            continue
        there = np.flatnonzero(~table.incident)
        there = there[np.argsort(table.times[there], kind="stable")][-max(len(here), 4) :]
        times = np.concatenate((np.full(len(there), table.times[here[0]]), table.times[here]))
        rows = values[np.concatenate((there, here))].T
        found = consensus_onset(times, change_points(rows), seam=len(there) or None)
        if found is not None and (best is None or found[1] > best[1]):
            best = found
    return best[0] if best else None


def _while_it_shows(
    tables: Sequence[tuple[MetricTable, NDArray[np.float64]]], onset_s: float, symptom: SeriesName | None
) -> Stretch:
    for table, values in tables:
        if symptom is not None and symptom in table.names and read(symptom.metric).bad != 0:
            return while_it_shows(table.times, table.incident, values[:, table.names.index(symptom)], onset_s)
    return NEVER


def measure_all(tables: Sequence[MetricTable], onset_s: float | None, symptom: SeriesName | None = None) -> Measured | None:
    """All tables' series in one picture. The onset is found where none is given. `symptom`: the series that the alert is about;
    what shifted is measured while that one is out of range."""
    turned = [(table, *_badness(table)) for table in tables]
    found = _find_onset([(table, values) for table, values, _ in turned])
    at = onset_s if onset_s is not None else found
    if at is None:
        ends = [table.times[table.incident] for table, _, _ in turned if table.incident.any()]
        if not ends:
            return None
        at = float(min(times.min() for times in ends))
    shows = _while_it_shows([(table, values) for table, values, _ in turned], at, symptom)
    series: list[Series] = []
    parts: list[Shifts] = []
    for table, values, tops in turned:
        # the same series in another order must give the same answer to the last digit
        order = sorted(range(len(table.names)), key=lambda column: (table.names[column].entity, table.names[column].metric))
        during = table.incident & shows.holds(table.times)
        parts.append(measure(table.times, table.incident, values[:, order], at, during=during if during.any() else None))
        series += [Series(table, column, table.names[column], tops[column]) for column in order]
    if not series:
        return None
    return Measured(tuple(series), Picture.of([one.name for one in series], joined(parts)), at, found)
