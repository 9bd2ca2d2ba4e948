"""Answering a PromQL tree from the store, at one instant at a time."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.demo.promql import COMPARISONS, Aggregate, BadQuery, Binary, Call, Negative, Node, Number, Selector
from app.demo.samples import Store

LOOKBACK_S = 300.0
"""How old the last sample of a series may be; Prometheus' default."""


@dataclass(frozen=True)
class Sample:
    labels: dict[str, str]
    value: float


Vector = list[Sample]


def evaluate(node: Node, store: Store, at_s: float) -> float | Vector:
    """A scalar or a vector at `at_s` (epoch seconds UTC). Raises BadQuery where the tree makes no sense."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Selector):
        return _select(node, store, at_s)
    if isinstance(node, Negative):
        of = evaluate(node.of, store, at_s)
        return -of if isinstance(of, float) else [Sample(_unnamed(s.labels), -s.value) for s in of]
    if isinstance(node, Aggregate):
        return _aggregate(node, store, at_s)
    if isinstance(node, Binary):
        return _binary(node, evaluate(node.left, store, at_s), evaluate(node.right, store, at_s))
    return _call(node, store, at_s)


def raw(node: Selector, store: Store, at_s: float) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    """What a bare range selector holds: labels and (time, value) pairs."""
    end = at_s - node.offset_s
    found = []
    for series in store.select(node.matchers):
        times, values = series.between(end - (node.range_s or 0.0), end)
        if times:
            found.append((series.lookup, list(zip(times, values, strict=True))))
    return found


def _select(node: Selector, store: Store, at_s: float) -> Vector:
    if node.range_s is not None:
        raise BadQuery("a range vector can't stand here; wrap it in rate() or another function over time")
    found = []
    for series in store.select(node.matchers):
        value = series.at(at_s - node.offset_s, lookback_s=LOOKBACK_S)
        if value is not None:
            found.append(Sample(series.lookup, value))
    return found


def _unnamed(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__"}


# --- functions over time


def _increase(values: Sequence[float]) -> float:
    """How far a counter went; a fall is a restart from zero."""
    return values[-1] - values[0] + sum(a for a, b in itertools.pairwise(values) if b < a)


def _extrapolated(times: Sequence[float], values: Sequence[float], start: float, end: float, *, counter: bool) -> float | None:
    """As Prometheus' extrapolatedRate: the change between the samples, stretched towards the window's edges."""
    if len(times) < 2:
        return None
    change = _increase(values) if counter else values[-1] - values[0]
    sampled = times[-1] - times[0]
    gap = sampled / (len(times) - 1)
    before, after = times[0] - start, end - times[-1]
    if before >= gap * 1.1:
        before = gap / 2
    if counter and change > 0 and values[0] >= 0:
        before = min(before, sampled * (values[0] / change))
    if after >= gap * 1.1:
        after = gap / 2
    return change * (sampled + before + after) / sampled


def _rate(times: Sequence[float], values: Sequence[float], start: float, end: float) -> float | None:
    grown = _extrapolated(times, values, start, end, counter=True)
    return None if grown is None else grown / (end - start)


def _irate(times: Sequence[float], values: Sequence[float]) -> float | None:
    if len(times) < 2:
        return None
    return (values[-1] if values[-1] < values[-2] else values[-1] - values[-2]) / (times[-1] - times[-2])


def _slope(times: Sequence[float], values: Sequence[float]) -> float | None:
    if len(times) < 2:
        return None
    mean_t, mean_v = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - mean_t) ** 2 for t in times)
    return sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread if spread else None


def _stddev(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


def _quantile(q: float, values: Sequence[float]) -> float:
    if not 0 <= q <= 1:
        return -math.inf if q < 0 else math.inf
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


_OVER_VALUES: dict[str, Callable[[Sequence[float]], float]] = {
    "avg_over_time": lambda v: sum(v) / len(v),
    "max_over_time": max,
    "min_over_time": min,
    "sum_over_time": sum,
    "count_over_time": lambda v: float(len(v)),
    "last_over_time": lambda v: v[-1],
    "stddev_over_time": _stddev,
    "changes": lambda v: float(sum(a != b for a, b in itertools.pairwise(v))),
    "resets": lambda v: float(sum(b < a for a, b in itertools.pairwise(v))),
}
_WINDOWED: dict[str, Callable[[Sequence[float], Sequence[float], float, float], float | None]] = {
    "rate": _rate,
    "increase": lambda t, v, start, end: _extrapolated(t, v, start, end, counter=True),
    "delta": lambda t, v, start, end: _extrapolated(t, v, start, end, counter=False),
    "irate": lambda t, v, _start, _end: _irate(t, v),
    "deriv": lambda t, v, _start, _end: _slope(t, v),
}


def _over_time(node: Call, store: Store, at_s: float) -> Vector:
    window = node.args[-1]
    assert isinstance(window, Selector)  # the parser lets nothing else through
    end = at_s - window.offset_s
    start = end - (window.range_s or 0.0)
    quantile = _scalar(node.args[0], store, at_s) if node.function == "quantile_over_time" else 0.0
    found = []
    for series in store.select(window.matchers):
        times, values = series.between(start, end)
        if not values:
            continue
        if node.function == "quantile_over_time":
            result: float | None = _quantile(quantile, values)
        elif node.function in _WINDOWED:
            result = _WINDOWED[node.function](times, values, start, end)
        else:
            result = _OVER_VALUES[node.function](values)
        if result is not None:
            found.append(Sample(series.lookup if node.function == "last_over_time" else _unnamed(series.lookup), result))
    return _unique(found)


def _unique(found: Vector) -> Vector:
    if len({tuple(sorted(s.labels.items())) for s in found}) != len(found):
        raise BadQuery("vector cannot contain metrics with the same labelset")
    return found


# --- functions of an instant

_SIMPLE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": lambda v: float(math.ceil(v)) if math.isfinite(v) else v,
    "floor": lambda v: float(math.floor(v)) if math.isfinite(v) else v,
    "exp": math.exp,
    "ln": lambda v: _log(v, math.log),
    "log2": lambda v: _log(v, math.log2),
    "log10": lambda v: _log(v, math.log10),
    "sqrt": lambda v: math.sqrt(v) if v >= 0 else math.nan,
}


def _log(value: float, of: Callable[[float], float]) -> float:
    if value > 0:
        return of(value)
    return -math.inf if value == 0 else math.nan


def _call(node: Call, store: Store, at_s: float) -> float | Vector:
    name = node.function
    if name in _OVER_VALUES or name in _WINDOWED or name == "quantile_over_time":
        return _over_time(node, store, at_s)
    if name == "time":
        return at_s
    if name == "vector":
        return [Sample({}, _scalar(node.args[0], store, at_s))]
    if name == "histogram_quantile":
        return _histogram_quantile(_scalar(node.args[0], store, at_s), _vector(node.args[1], store, at_s))
    of = _vector(node.args[0], store, at_s)
    if name == "scalar":
        return of[0].value if len(of) == 1 else math.nan
    if name == "absent":
        return [] if of else [Sample(_equalities(node.args[0]), 1.0)]
    if name in ("sort", "sort_desc"):
        return sorted(of, key=lambda s: (math.isnan(s.value), -s.value if name == "sort_desc" else s.value))
    numbers = [_scalar(arg, store, at_s) for arg in node.args[1:]]
    return [Sample(_unnamed(s.labels), _bounded(name, s.value, numbers)) for s in of]


def _bounded(name: str, value: float, numbers: list[float]) -> float:
    if name == "clamp_min":
        return max(value, numbers[0])
    if name == "clamp_max":
        return min(value, numbers[0])
    if name == "clamp":
        return max(numbers[0], min(value, numbers[1]))
    if name == "round":
        unit = numbers[0] if numbers else 1.0
        return math.floor(value / unit + 0.5) * unit if math.isfinite(value) and unit else value
    return _SIMPLE[name](value)


def _scalar(node: Node, store: Store, at_s: float) -> float:
    value = evaluate(node, store, at_s)
    if not isinstance(value, float):
        raise BadQuery("expected type scalar, got instant vector")
    return value


def _vector(node: Node, store: Store, at_s: float) -> Vector:
    value = evaluate(node, store, at_s)
    if isinstance(value, float):
        raise BadQuery("expected type instant vector, got scalar")
    return value


def _equalities(node: Node) -> dict[str, str]:
    if not isinstance(node, Selector):
        return {}
    return {m.label: m.value for m in node.matchers if m.op == "=" and m.label != "__name__"}


def _histogram_quantile(q: float, of: Vector) -> Vector:
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for sample in of:
        try:
            bound = float(sample.labels.get("le", ""))
        except ValueError:
            continue
        rest = {n: v for n, v in sample.labels.items() if n not in ("le", "__name__")}
        groups.setdefault(tuple(sorted(rest.items())), []).append((bound, sample.value))
    return [Sample(dict(key), _bucket_quantile(q, sorted(buckets))) for key, buckets in groups.items()]


def _bucket_quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    if math.isnan(q) or not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    if len(buckets) < 2 or not math.isinf(buckets[-1][0]):
        return math.nan
    counts: list[float] = []
    for _, count in buckets:
        counts.append(max(count, counts[-1]) if counts else count)
    total = counts[-1]
    if not total > 0:
        return math.nan
    rank = q * total
    index = next(i for i, count in enumerate(counts) if count >= rank or i == len(counts) - 1)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    if index == 0 and buckets[0][0] <= 0:
        return buckets[0][0]
    low = buckets[index - 1][0] if index else 0.0
    below = counts[index - 1] if index else 0.0
    share = (rank - below) / (counts[index] - below) if counts[index] > below else 0.0
    return low + (buckets[index][0] - low) * share


# --- aggregation and arithmetic


def _group_key(labels: dict[str, str], mode: str, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if mode == "by":
        return tuple(sorted((name, labels[name]) for name in names if name in labels))
    return tuple(sorted((n, v) for n, v in labels.items() if n not in names and n != "__name__"))


_FOLDS: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda v: math.fsum(v) / len(v),
    "max": lambda v: max((x for x in v if not math.isnan(x)), default=math.nan),
    "min": lambda v: min((x for x in v if not math.isnan(x)), default=math.nan),
    "count": lambda v: float(len(v)),
    "stddev": _stddev,
    "group": lambda _v: 1.0,
}


def _aggregate(node: Aggregate, store: Store, at_s: float) -> Vector:
    groups: dict[tuple[tuple[str, str], ...], Vector] = {}
    for sample in _vector(node.of, store, at_s):
        groups.setdefault(_group_key(sample.labels, node.mode, node.labels), []).append(sample)
    param = _scalar(node.param, store, at_s) if node.param is not None else 0.0
    if node.op in ("topk", "bottomk"):
        sign = -1.0 if node.op == "topk" else 1.0
        ranked = [sorted(g, key=lambda s: (math.isnan(s.value), sign * s.value))[: max(0, int(param))] for g in groups.values()]
        return [sample for group in ranked for sample in group]
    fold: Callable[[list[float]], float] = _FOLDS.get(node.op, lambda values: _quantile(param, values))
    return [Sample(dict(key), fold([s.value for s in group])) for key, group in groups.items()]


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _arithmetic(op: str, left: float, right: float) -> float:
    if op in COMPARISONS:
        return float(_COMPARE[op](left, right))
    if op in ("/", "%") and right == 0:
        if op == "%" or left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    try:
        return _OPERATORS[op](left, right)
    except OverflowError:
        return math.inf
    except ValueError:  # a root of a negative number
        return math.nan


_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": math.pow,
}


def _binary(node: Binary, left: float | Vector, right: float | Vector) -> float | Vector:
    if isinstance(left, float) and isinstance(right, float):
        return _arithmetic(node.op, left, right)
    if isinstance(left, float) or isinstance(right, float):
        return _with_scalar(node, left, right)
    if node.op in ("and", "or", "unless"):
        return _set(node, left, right)
    return _pairwise(node, left, right)


def _with_scalar(node: Binary, left: float | Vector, right: float | Vector) -> Vector:
    samples = right if isinstance(left, float) else left
    assert not isinstance(samples, float)
    found = []
    for sample in samples:
        a = left if isinstance(left, float) else sample.value
        b = right if isinstance(right, float) else sample.value
        result = _arithmetic(node.op, a, b)
        if node.op not in COMPARISONS or node.as_bool:
            found.append(Sample(_unnamed(sample.labels), result))
        elif result:
            found.append(sample)
    return found


def _match_key(node: Binary, labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    if node.matching == "on":
        return _group_key(labels, "by", node.labels)
    return _group_key(labels, "without", node.labels)


def _set(node: Binary, left: Vector, right: Vector) -> Vector:
    lefts = {_match_key(node, s.labels) for s in left}
    rights = {_match_key(node, s.labels) for s in right}
    if node.op == "and":
        return [s for s in left if _match_key(node, s.labels) in rights]
    if node.op == "unless":
        return [s for s in left if _match_key(node, s.labels) not in rights]
    return left + [s for s in right if _match_key(node, s.labels) not in lefts]


def _pairwise(node: Binary, left: Vector, right: Vector) -> Vector:
    rights: dict[tuple[tuple[str, str], ...], Sample] = {}
    for sample in right:
        if rights.setdefault(_match_key(node, sample.labels), sample) is not sample:
            raise BadQuery("found duplicate series for the match group on the right hand-side of the operation")
    found, seen = [], set()
    for sample in left:
        key = _match_key(node, sample.labels)
        other = rights.get(key)
        if other is None:
            continue
        if key in seen:
            raise BadQuery("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
        seen.add(key)
        result = _arithmetic(node.op, sample.value, other.value)
        if node.op in COMPARISONS and not node.as_bool:
            if result:
                found.append(sample)
        else:
            found.append(Sample(dict(key), result))
    return found
