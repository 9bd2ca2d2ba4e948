from __future__ import annotations

import pytest

from app.domain.telemetry import SeriesName, StatusTable
from graphs.analysis.metrics.sentences import said_tables, stated
from graphs.analysis.metrics.words import read

SAID = [
    ("SLOW [reply time] | pay-p90latency: normal=5.5ms -> current=1.2s (+21718%)", ("latency", 90, 5.5, 1200.0)),
    ("p99 latency is 2.5 s (baseline 180 ms)", ("latency", 99, 180.0, 2500.0)),
    ("error rate rose from 0.1% to 24%", ("error", 0, 0.1, 24.0)),
    ("DROP [success ratio] | before: 100.0% => now: 61.0%", ("success", 0, 100.0, 61.0)),
    ("TRAFFIC [packets seen] | In: usual=150.0pps -> cur=43.2pps", ("network", 0, 150.0, 43.2)),
    ("throughput was 120 req/s, now 40 req/s", ("traffic", 0, 120.0, 40.0)),
    ("tcp retransmissions 0.0 -> 7.5", ("loss", 0, 0.0, 7.5)),
    ("LINE [tcp retransmission] | typical=0.02segs → observed=8.40segs (new)", ("loss", 0, 0.02, 8.4)),
]


@pytest.mark.parametrize(("text", "wanted"), SAID)
def test_a_number_before_and_one_now_are_read_whatever_the_phrasing(text: str, wanted: tuple[str, int, float, float]) -> None:
    (one,) = stated("pay", text)
    words = read(one.metric)
    assert (words.family, words.stat, one.before, one.now) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "deployed v1.2 -> v1.3",
        "it went from bad to worse",
        "value 0.6 s (throttled)",
        "latency 5 ms -> 4 GB",
        "12 of 14 pods ready",
    ],
)
def test_no_pair_of_one_unit_is_no_measurement(text: str) -> None:
    assert stated("pay", text) == ()


def test_several_pairs_of_one_sentence_each_keep_their_own_name() -> None:
    text = "SLOW | p50 latency: normal=4 ms -> now=70 ms | peak=90ms | p90 latency: normal=9 ms -> now=900 ms"
    assert [(read(one.metric).stat, one.now) for one in stated("pay", text)] == [(50, 70.0), (90, 900.0)]


def documents(*told: tuple[str, str, str]) -> StatusTable:
    held = tuple({"doc": "detector_alert", "type": kind, "name": name, "evidence": [text]} for kind, name, text in told)
    return StatusTable("watch", 1000.0, held)


def test_what_is_measured_is_believed_before_what_is_said_of_it() -> None:
    table = documents(("Service", "pay", "p90 latency: normal=4ms -> now=70ms"), ("Service", "pay", "error rate: from 0% to 9%"))
    (made,) = said_tables([table], known=[SeriesName("pay", "latency_p90_seconds")], since_s=900.0)
    assert [read(name.metric).family for name in made.names] == ["error"]
    assert made.values.tolist() == [[0.0], [0.0], [9.0], [9.0]]


def test_a_machine_that_a_detector_names_is_a_node() -> None:
    (made,) = said_tables([documents(("Node", "m1", "tcp retransmission: normal=0.1 -> now=5.0"))], known=[], since_s=900.0)
    assert made.names[0].entity == "node/m1"


def test_sentences_without_pairs_make_no_table() -> None:
    assert said_tables([documents(("Service", "pay", "it is slow"))], known=[], since_s=900.0) == []


BEFORE = ("normal", "normally", "usual", "typical", "baseline", "base", "before", "was", "from", "expected", "previous", "prior")
NOW = (
    "current",
    "currently",
    "cur",
    "now",
    "after",
    "observed",
    "actual",
    "is",
    "to",
    "value",
    "val",
    "present",
    "during",
    "incident",
)


@pytest.mark.parametrize("before", [*BEFORE, "reference", "ref", "avg", "average"])
def test_every_word_for_what_is_usual_comes_before(before: str) -> None:
    (one,) = stated("pay", f"latency now 900 ms, {before} 5 ms")
    assert (one.before, one.now) == (5.0, 900.0)


@pytest.mark.parametrize("now", NOW)
def test_every_word_for_what_is_now_comes_after(now: str) -> None:
    (one,) = stated("pay", f"latency {now} 900 ms, usual 5 ms")
    assert (one.before, one.now) == (5.0, 900.0)


@pytest.mark.parametrize(
    ("unit", "ms"),
    [
        ("ns", 1e-6),
        ("us", 1e-3),
        ("µs", 1e-3),
        ("ms", 1.0),
        ("msec", 1.0),
        ("s", 1e3),
        ("sec", 1e3),
        ("seconds", 1e3),
        ("min", 6e4),
    ],
)
def test_every_unit_of_time_is_told_in_milliseconds(unit: str, ms: float) -> None:
    (one,) = stated("pay", f"latency rose from 4 {unit} to 8 {unit}")
    assert (one.before, one.now) == pytest.approx((4 * ms, 8 * ms))


@pytest.mark.parametrize("unit", ["rps", "qps", "req/s", "requests/s", "reqs/s", "ops/s"])
def test_requests_a_second_need_no_name(unit: str) -> None:
    (one,) = stated("pay", f"seen: 120 {unit} -> 40 {unit}")
    assert read(one.metric).family == "traffic"


def test_whom_a_detector_names_is_a_node_where_it_says_so_and_only_once() -> None:
    said = documents(
        ("service", "pay", "latency 5 ms -> 900 ms"),
        ("Host", "n1", "cpu from 10% to 90%"),
        ("node", "node/n2", "cpu from 10% to 90%"),
        ("workload", "shop/cart", "cpu from 10% to 90%"),
    )
    (table,) = said_tables([said], known=[], since_s=0.0)
    assert [name.entity for name in table.names] == ["node/n1", "node/n2", "pay", "shop/cart"]
