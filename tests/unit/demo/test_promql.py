"""What the scraper's evaluator answers, worked out by hand."""

from __future__ import annotations

import math

import pytest

from app.demo.promeval import Sample, evaluate
from app.demo.promql import BadQuery, duration_s, parse, parse_selector
from app.demo.samples import STALE, Store, is_stale

NOW = 1_700_000_000.0


def put(store: Store, name: str, points: list[tuple[float, float]], **labels: str) -> None:
    """`points` are (seconds before NOW, value)."""
    series = store.series({"__name__": name, **labels})
    assert series is not None
    for ago, value in points:
        series.append(NOW - ago, value)


@pytest.fixture
def store() -> Store:
    made = Store()
    for job, route, code, per_s in (("a", "/x", "200", 9.0), ("a", "/x", "500", 1.0), ("b", "/y", "200", 4.0)):
        put(made, "requests_total", [(ago, per_s * (20 - ago)) for ago in range(20, -1, -1)], job=job, route=route, code=code)
    put(made, "heap_bytes", [(3, 10.0), (2, 30.0), (1, 20.0)], job="a")
    for bound, count in (("0.1", 50.0), ("0.5", 90.0), ("1", 100.0), ("+Inf", 100.0)):
        put(made, "took_seconds_bucket", [(ago, count * (20 - ago)) for ago in range(20, -1, -1)], job="a", le=bound)
    return made


def ask(store: Store, query: str) -> float | list[Sample]:
    return evaluate(parse(query), store, NOW)


def by(store: Store, query: str, label: str) -> dict[str, float]:
    found = ask(store, query)
    assert isinstance(found, list)
    return {s.labels.get(label, ""): pytest.approx(s.value) for s in found}


def only(store: Store, query: str) -> float:
    found = ask(store, query)
    assert isinstance(found, list)
    (sample,) = found
    return sample.value


def test_error_ratio_of_each_job_is_one_vector_divided_by_another(store: Store) -> None:
    every = 'sum by (job, route) (rate(requests_total{job=~"a|b"}[5s]))'
    failed = 'sum by (job, route) (rate(requests_total{job=~"a|b",code=~"5.."}[5s]))'
    assert by(store, f"{failed} / {every}", "job") == {"a": 0.1}


def test_rate_is_per_second_and_increase_over_the_window(store: Store) -> None:
    assert only(store, 'rate(requests_total{job="b"}[10s])') == pytest.approx(4.0)
    assert only(store, 'increase(requests_total{job="b"}[10s])') == pytest.approx(40.0)
    assert only(store, 'irate(requests_total{job="b"}[10s])') == pytest.approx(4.0)


def test_rate_counts_on_after_a_counter_began_again_at_zero() -> None:
    store = Store()
    put(store, "c_total", [(4, 100.0), (3, 110.0), (2, 5.0), (1, 15.0), (0, 25.0)])
    assert only(store, "increase(c_total[4s])") == pytest.approx((5 + 10 + 10) * 4 / 3)


def test_rate_of_a_single_sample_is_no_answer(store: Store) -> None:
    assert ask(store, "rate(heap_bytes[1s])") == []


def test_quantile_is_interpolated_within_its_bucket(store: Store) -> None:
    query = "histogram_quantile(0.7, sum by (job, le) (rate(took_seconds_bucket[5s])))"
    assert by(store, query, "job") == {"a": 0.1 + 0.4 * 20 / 40}
    assert only(store, "histogram_quantile(0.95, rate(took_seconds_bucket[5s]))") == pytest.approx(0.75)


def test_aggregations_by_and_without(store: Store) -> None:
    assert by(store, "sum without (code, route) (rate(requests_total[5s]))", "job") == {"a": 10.0, "b": 4.0}
    assert by(store, "count by (job) (requests_total)", "job") == {"a": 2.0, "b": 1.0}
    assert by(store, "max(rate(requests_total[5s])) by (job)", "job") == {"a": 9.0, "b": 4.0}
    assert only(store, "topk(1, rate(requests_total[5s]))") == pytest.approx(9.0)
    assert only(store, "avg(rate(requests_total[5s]))") == pytest.approx(14 / 3)
    assert only(store, "min(rate(requests_total[5s]))") == pytest.approx(1.0)


def test_functions_over_time(store: Store) -> None:
    assert only(store, "avg_over_time(heap_bytes[10s])") == 20.0
    assert only(store, "max_over_time(heap_bytes[10s])") == 30.0
    assert only(store, "min_over_time(heap_bytes[10s])") == 10.0
    assert only(store, "quantile_over_time(0.5, heap_bytes[10s])") == 20.0


def test_selectors_match_whole_values_and_absent_labels_are_empty(store: Store) -> None:
    assert by(store, 'requests_total{code!~"5.."}', "job") == {"a": 180.0, "b": 80.0}
    assert ask(store, 'requests_total{code=~"5"}') == []
    assert by(store, '{__name__=~"heap.*|requests_total", code=""}', "job") == {"a": 20.0}


def test_precedence_and_scalars(store: Store) -> None:
    assert ask(store, "1 + 2 * 3 ^ 2 - -4") == 23.0
    assert ask(store, "(1 + 2) * 3") == 9.0
    assert ask(store, "2 > bool 1") == 1.0
    assert only(store, "heap_bytes * 2 + 1") == 41.0
    assert only(store, "-heap_bytes") == -20.0
    assert math.isnan(ask(store, "0 / 0"))
    assert ask(store, "1 / 0") == math.inf


def test_comparison_with_a_scalar_filters_and_keeps_the_name(store: Store) -> None:
    found = ask(store, "heap_bytes > 5")
    assert isinstance(found, list)
    assert found[0].labels == {"__name__": "heap_bytes", "job": "a"}
    assert ask(store, "heap_bytes > 50") == []
    assert only(store, "heap_bytes > bool 50") == 0.0


def test_or_fills_what_is_missing_on_the_left(store: Store) -> None:
    query = 'sum by (job) (rate(requests_total{code="500"}[5s])) or 0 * sum by (job) (rate(requests_total[5s]))'
    assert by(store, query, "job") == {"a": 1.0, "b": 0.0}


def test_matching_on_and_ignoring(store: Store) -> None:
    assert by(store, 'requests_total{code="500"} / on (job) heap_bytes', "job") == {"a": 1.0}
    assert only(store, 'requests_total{code="500"} / ignoring (code) requests_total{job="a",code="200"}') == pytest.approx(1 / 9)


def test_many_to_one_is_refused(store: Store) -> None:
    with pytest.raises(BadQuery, match="many-to-one"):
        ask(store, "requests_total / on (job) heap_bytes")


def test_offset_looks_back(store: Store) -> None:
    assert only(store, "heap_bytes offset 2s") == 30.0


def test_clamp_min_and_absent(store: Store) -> None:
    assert only(store, "clamp_min(heap_bytes, 25)") == 25.0
    assert ask(store, "absent(heap_bytes)") == []
    assert ask(store, 'absent(nothing{job="z"})') == [Sample({"job": "z"}, 1.0)]


def test_a_series_that_ended_has_no_present_value_but_its_past_counts(store: Store) -> None:
    put(store, "gone", [(3, 1.0), (2, 2.0), (1, STALE)])
    assert is_stale(STALE)
    assert not is_stale(math.nan)
    assert ask(store, "gone") == []
    assert only(store, "max_over_time(gone[10s])") == 2.0


def test_old_samples_are_forgotten() -> None:
    store = Store(retention_s=10)
    put(store, "old", [(30, 1.0)])
    put(store, "new", [(3, 1.0)])
    store.forget(NOW)
    assert [s.lookup["__name__"] for s in store.select(())] == ["new"]


def test_a_full_store_takes_in_no_further_series() -> None:
    store = Store(max_series=1)
    put(store, "first", [(1, 1.0)])
    assert store.series({"__name__": "second"}) is None
    assert store.refused == 1


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("sum(", "unexpected 'end of input'"),
        ("up[5s:1s]", "subqueries are not supported"),
        ("up @ 5", "@ modifier is not supported"),
        ("a / on (x) group_left b", "group_left is not supported"),
        ("nonsense(up)", "unknown or unsupported function"),
        ("rate(up)", "expected type range vector"),
        ("sum(up[5s])", "expected type instant vector"),
        ("1 > 2", "must use BOOL"),
        ("1 and 2", "set operator"),
        ('up{job="a', "unexpected character"),
        ('up{job=~"("}', "error parsing regexp"),
        ('{job=~".*"}', "at least one non-empty matcher"),
        ("up up", "unexpected 'up'"),
        ("histogram_quantile(0.9)", "expected 2 argument"),
        ("(" * 80 + "1" + ")" * 80, "nested too deeply"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(query: str, why: str) -> None:
    with pytest.raises(BadQuery, match=r"^1:\d+: parse error: ") as refused:
        parse(query)
    assert why in str(refused.value)


def test_durations_add_up() -> None:
    assert duration_s("1h2m3s4ms") == 3723.004
    with pytest.raises(BadQuery):
        duration_s("5")


def test_quotes_and_comments() -> None:
    (matcher, _) = parse_selector("{a='x\\'y', b=`\\d`} # the end")
    assert matcher.value == "x'y"
