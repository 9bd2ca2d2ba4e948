"""What a Prometheus holds, told by shape: names' suffixes, label names and label values. Pure.

Series are grouped to families; a family says which queries to ask (`asks`) and what their answers mean (`derive`). No
system's names are known here, only the conventions of https://prometheus.io/docs/practices/naming/ and OpenMetrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import re2
from numpy.typing import NDArray

from app.connectors.promql import Matcher, Selector, aggregated, any_of, is_label, literal, quantile, rate
from app.domain.telemetry import SeriesName

Labels = Mapping[str, str]
Kind = Literal["counter", "gauge", "histogram", "summary"]

MAX_ROUTES = 60
"""Above this many routes a family is asked without them."""
MAX_EXTRA = 8
"""Values of one more label that a plain gauge or counter is split by."""
P95 = 0.95

_STATUS = re2.compile(r"(?:\w+_)?(?:code|status|result|outcome)")
_ROUTE = re2.compile(r"(?:\w+_)?(?:route|path|handler|endpoint|operation|uri)")
_PEER = re2.compile(
    r"(?:\w+_)?(?:upstream|peer|target|destination|server|callee|downstream|remote|backend|dependency)(?:_(?:service|app|name|host|address))*"
)
_IDENTITY = re2.compile(
    r"(?:\w+_)?(?:instance|pod|container|node|host|hostname|namespace|cluster|replica|ip|uid|id|job|service|app|le|prometheus|endpoint)"
)
_TIME_UNIT = re2.compile(r"\w*_(?:seconds|milliseconds|ms|microseconds)")
_REQUESTING = re2.compile(r"\w*(?:request|response|rpc|http|latency|call)\w*")
_OK = frozenset({"ok", "0", "success", "succeeded", "successful", "true", "completed", "2xx"})
_BAD = re2.compile(r"(?i).*(?:err|fail|exception|timeout|unavailable|refused|abort|5xx).*")
_DIVISOR = {"milliseconds": 1e3, "ms": 1e3, "microseconds": 1e6}
_SKIPPED = ("_created", "_info")


@dataclass(frozen=True)
class Errors:
    """Which values of a status label mean failure: either those that match, or all but those that match."""

    label: str
    op: Literal["=~", "!~"]
    pattern: str

    @property
    def matcher(self) -> Matcher:
        return Matcher(self.label, self.op, self.pattern)

    def holds(self, value: str) -> bool:
        return (re2.fullmatch(self.pattern, value) is not None) is (self.op == "=~")


@dataclass(frozen=True)
class Family:
    """Series of one name (histograms and summaries: of one base name) and what their labels mean."""

    name: str
    kind: Kind
    by: str  # the label that names the service
    services: tuple[str, ...]
    series: int
    errors: Errors | None = None
    route: str | None = None
    peer: str | None = None
    extra: str | None = None
    always: tuple[Matcher, ...] = ()  # what every query of it is narrowed by

    @property
    def requests(self) -> bool:
        """Whether it measures requests: counted by outcome, or timed."""
        return self.errors is not None if self.kind == "counter" else self.kind in ("histogram", "summary") and self.timed

    @property
    def timed(self) -> bool:
        if self.kind not in ("histogram", "summary") or _TIME_UNIT.fullmatch(self.name) is None:
            return False
        return bool(self.route or self.peer or self.errors) or _REQUESTING.fullmatch(self.name) is not None

    @property
    def divisor(self) -> float:
        return _DIVISOR.get(self.name.rsplit("_", 1)[-1], 1.0) if self.timed else 1.0

    @property
    def keys(self) -> tuple[str, ...]:
        """The labels that name an entity."""
        return (self.by, self.peer) if self.peer else (self.by,)


@dataclass(frozen=True)
class Frame:
    """One answer: `values[:, j]` belongs to the label values `keys[j]`; `unread` rows of it could not be read."""

    keys: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]
    unread: int = 0

    def grouped(self, size: int, *, where: Iterable[bool] | None = None) -> dict[tuple[str, ...], NDArray[np.float64]]:
        """Sums over columns whose first `size` key parts agree; NaN only where all of them are."""
        picked: dict[tuple[str, ...], list[int]] = {}
        wanted = list(where) if where is not None else [True] * len(self.keys)
        for column, key in enumerate(self.keys):
            if wanted[column]:
                picked.setdefault(key[:size], []).append(column)
        return {key: _total(self.values[:, columns]) for key, columns in picked.items()}


@dataclass(frozen=True)
class Derived:
    name: SeriesName
    query: str
    values: NDArray[np.float64]
    rated: bool = True  # made from a range, so that its newest value is not an old one carried forward


def families(series: Iterable[Labels], *, types: Mapping[str, str], service_labels: Sequence[str]) -> list[Family]:
    """Families of `series`, those that measure requests first. `types` is the server's metadata, by metric name."""
    named: dict[str, list[Labels]] = {}
    for labels in series:
        named.setdefault(labels.get("__name__", ""), []).append(labels)
    histograms = {name[:-7] for name in named if name.endswith("_bucket")}
    halves = {name[:-4] for name in named if name.endswith("_sum") and name[:-4] + "_count" in named}
    found: list[Family] = []
    for name, rows in named.items():
        base, kind = _base(name, rows, histograms, halves, types)
        by = _service_label(rows, service_labels)
        if base and kind and by:
            found.append(_family(base, kind, by, rows))
    return sorted(found, key=_rank)


def _rank(family: Family) -> tuple[bool, bool, bool, bool, str]:
    return (not family.requests, family.kind != "counter", "request" not in family.name, not family.route, family.name)


def _base(
    name: str, rows: list[Labels], histograms: set[str], halves: set[str], types: Mapping[str, str]
) -> tuple[str, Kind | None]:
    """The family `name` stands for, and its kind; no kind for a part of a family that another name stands for."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and base in (histograms if suffix == "_bucket" else histograms | halves):
            stands = suffix == "_count" and (base in halves)
            return base, (("histogram" if base in histograms else "summary") if stands else None)
    if not name or name.endswith(_SKIPPED):
        return name, None
    declared = types.get(name) or types.get(name.removesuffix("_total"))
    return name, "counter" if declared == "counter" or name.endswith("_total") else "gauge"


def _service_label(rows: list[Labels], order: Sequence[str]) -> str | None:
    covered = {label: sum(1 for row in rows if row.get(label)) for label in order}
    best = max(covered.values(), default=0)
    return next((label for label in order if covered[label] == best), None) if best else None


def _family(name: str, kind: Kind, by: str, rows: list[Labels]) -> Family:
    values: dict[str, set[str]] = {}
    for row in rows:
        for label, value in row.items():
            if is_label(label) and label not in ("__name__", by):
                values.setdefault(label, set()).add(value)
    errors = next(
        (rule for label in sorted(values) if _STATUS.fullmatch(label) and (rule := error_rule(label, values[label]))), None
    )
    services = tuple(sorted({row[by] for row in rows if row.get(by)}))
    family = Family(name, kind, by, services, len(rows), errors)
    if kind == "gauge":
        return Family(name, kind, by, services, len(rows), extra=_extra(values, 1))
    peer = _first(values, _PEER, 1)
    route = _first({label: seen for label, seen in values.items() if label != peer}, _ROUTE, MAX_ROUTES)
    shaped = Family(name, kind, by, services, len(rows), errors, route, peer)
    if shaped.requests:
        return shaped
    return Family(name, kind, by, services, len(rows), extra=_extra(values, 1)) if kind == "counter" else family


def _first(values: Mapping[str, set[str]], shape: re2._Regexp, most: int) -> str | None:
    limit = most if most > 1 else 10_000
    return next((label for label in sorted(values) if shape.fullmatch(label) and len(values[label]) <= limit), None)


def _extra(values: Mapping[str, set[str]], least: int) -> str | None:
    """The label, other than those that name a place, whose few values tell series of one service apart."""
    few = [label for label, seen in values.items() if least < len(seen) <= MAX_EXTRA and not _IDENTITY.fullmatch(label)]
    return min(few, key=lambda label: (label != "quantile", len(values[label]), label), default=None)


def error_rule(label: str, values: Iterable[str]) -> Errors | None:
    """How failures are told by `label`'s values; None when they don't look like outcomes.

    HTTP: 5xx, and whatever is no status at all ("timeout"). gRPC numbers and words: everything that is not OK.
    """
    seen = {value for value in values if value}
    http = {value for value in seen if len(value) == 3 and value[0] in "12345" and (value.isdigit() or value[1:].lower() == "xx")}
    if http:
        others = {value for value in seen - http if _BAD.fullmatch(value)}
        return Errors(label, "=~", "|".join(["5..", *([any_of(others)] if others else [])]))
    fine = {value for value in seen if value.lower() in _OK}
    if fine:
        return Errors(label, "!~", any_of(fine | {"OK", "0"}) if "OK" in fine or "0" in fine else any_of(fine))
    bad = {value for value in seen if _BAD.fullmatch(value)}
    return Errors(label, "=~", any_of(bad)) if bad else None


def callee(peer: str, services: Iterable[str]) -> str:
    """The service a peer label's value means: as it is, or its host, or its host's first part, when that is a known one."""
    known = set(services)
    host = peer.rpartition("://")[2].split("/")[0].rpartition(":")[0] or peer
    return next((name for name in (peer, host, host.split(".")[0]) if name in known), peer)


def asks(family: Family, *, window_s: float, only: Sequence[str] = ()) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The queries of a family by role, each with the labels its answer is keyed by, in order."""

    def select(suffix: str = "") -> Selector:
        narrowed = (Matcher(family.by, "=~", any_of(only)),) if only and not family.peer else ()
        return Selector(family.name + suffix, (*family.always, *narrowed))

    def summed(selector: Selector, by: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        return aggregated("sum", by, rate(selector, window_s)), by

    if family.kind == "gauge" or (family.kind == "counter" and not family.errors):
        by = (*family.keys, *((family.extra,) if family.extra else ()))
        inner = str(select()) if family.kind == "gauge" else rate(select(), window_s)
        return {"plain": (aggregated(_how(family), by, inner), by)}
    routed = (*family.keys, *((family.route,) if family.route and not family.peer else ()))
    if family.kind == "counter":
        assert family.errors is not None
        return {"requests": summed(select(), (*routed, family.errors.label))}
    asked = {"sum": summed(select("_sum"), routed), "count": summed(select("_count"), routed)}
    if family.requests and family.errors:
        asked["requests"] = summed(select("_count"), (*routed, family.errors.label))
    if family.kind == "histogram":
        for role, by in {"p95": family.keys, "p95_routed": routed}.items():
            if role == "p95" or by != family.keys:
                asked[role] = quantile(P95, aggregated("sum", (*by, "le"), rate(select("_bucket"), window_s))), by
    return asked


def _how(family: Family) -> Literal["sum", "max", "min"]:
    """Over instances: the worst one shows; adding up would thin it out, and grow with every rollout."""
    if family.kind == "counter":
        return "sum"
    return "min" if family.name == "up" or family.name.endswith("_up") else "max"


def derive(family: Family, answers: Mapping[str, Frame], *, window_s: float, services: Sequence[str]) -> Iterator[Derived]:
    """The series a family's answers hold, each with the query that gives it alone."""
    if "plain" in answers:
        yield from _plain(family, answers["plain"], window_s)
    if "requests" in answers:
        yield from _requests(family, answers["requests"], window_s, services)
    if "sum" in answers and "count" in answers:
        yield from _means(family, answers, window_s, services)
    for role in ("p95", "p95_routed"):
        if role in answers:
            yield from _quantiles(family, answers[role], window_s, services)


def _entity(family: Family, key: tuple[str, ...], services: Sequence[str]) -> str:
    return f"{key[0]}>{callee(key[1], services)}" if family.peer else key[0]


def _labelled(metric: str, label: str, value: str) -> str:
    return f"{metric}{{{label}={literal(value)}}}"


def _one(family: Family, key: tuple[str, ...], suffix: str = "", *, label: str | None = None) -> Selector:
    """The selector of exactly the series behind `key`."""
    names = (*family.keys, *((label,) if label else ()))
    exact = (Matcher(name, "=", value) for name, value in zip(names, key, strict=False))
    return Selector(family.name + suffix, (*family.always, *exact))


def _plain(family: Family, frame: Frame, window_s: float) -> Iterator[Derived]:
    counted = family.kind == "counter"
    metric = family.name.removesuffix("_total") + "_per_s" if counted else family.name
    for column, key in enumerate(frame.keys):
        selector = _one(family, key, label=family.extra)
        query = aggregated(_how(family), family.keys, rate(selector, window_s) if counted else str(selector))
        named = _labelled(metric, family.extra, key[-1]) if family.extra else metric
        yield Derived(SeriesName(key[0], named), query, frame.values[:, column], rated=counted)


def _requests(family: Family, frame: Frame, window_s: float, services: Sequence[str]) -> Iterator[Derived]:
    assert family.errors is not None
    failed = [family.errors.holds(key[-1]) for key in frame.keys]
    for size in _sizes(family):
        bad = frame.grouped(size, where=failed)
        for key, total in frame.grouped(size).items():
            selector = _one(family, key, "" if family.kind == "counter" else "_count", label=family.route)
            alone = aggregated("sum", family.keys, rate(selector, window_s))
            wrong = aggregated("sum", family.keys, rate(selector.where(family.errors.matcher), window_s))
            share = _ratio(np.nan_to_num(bad.get(key, np.zeros_like(total))), total)
            entity = _entity(family, key, services)
            yield Derived(SeriesName(entity, _routed("error_ratio", family, key)), f"{wrong} / {alone}", share)
            yield Derived(SeriesName(entity, _routed("request_rate", family, key)), alone, total)


def _means(family: Family, answers: Mapping[str, Frame], window_s: float, services: Sequence[str]) -> Iterator[Derived]:
    metric = "latency_mean_s" if family.timed else f"{family.name}_mean"
    for size in _sizes(family):
        sums, counts = answers["sum"].grouped(size), answers["count"].grouped(size)
        for key in sorted(sums.keys() & counts.keys()):
            above, below = (
                aggregated("sum", family.keys, rate(_one(family, key, suffix, label=family.route), window_s))
                for suffix in ("_sum", "_count")
            )
            name = SeriesName(_entity(family, key, services), _routed(metric, family, key))
            yield Derived(name, f"{above} / {below}{_scaled(family)}", _ratio(sums[key], counts[key]) / family.divisor)
            if family.timed:
                rated = SeriesName(_entity(family, key, services), _routed("request_rate", family, key))
                yield Derived(rated, below, counts[key])


def _quantiles(family: Family, frame: Frame, window_s: float, services: Sequence[str]) -> Iterator[Derived]:
    metric = "latency_p95_s" if family.timed else f"{family.name}_p95"
    for column, key in enumerate(frame.keys):
        inner = rate(_one(family, key, "_bucket", label=family.route), window_s)
        query = quantile(P95, aggregated("sum", (*family.keys, "le"), inner)) + _scaled(family)
        name = SeriesName(_entity(family, key, services), _routed(metric, family, key))
        yield Derived(name, query, frame.values[:, column] / family.divisor)


def _sizes(family: Family) -> tuple[int, ...]:
    """How many leading key parts make an entity, and an entity's route."""
    whole = len(family.keys)
    return (whole, whole + 1) if family.route and not family.peer else (whole,)


def _routed(metric: str, family: Family, key: tuple[str, ...]) -> str:
    return _labelled(metric, "route", key[-1]) if len(key) > len(family.keys) else metric


def _scaled(family: Family) -> str:
    return f" / {family.divisor:g}" if family.divisor != 1 else ""


def _total(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    total: NDArray[np.float64] = np.where(known, values, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total, np.nan)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where nothing happened."""
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
