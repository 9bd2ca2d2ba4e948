from __future__ import annotations

from graphs.analysis.logs.status_docs import detections, outages, patterns

FEED = {
    "doc": "status_feed",
    "source": "cloud",
    "events": [
        {
            "id": "q-1",
            "service": "Queue Storage",
            "region": "west",
            "status": "degraded",
            "title": "slow",
            "started_at": "2026-01-01T10:00:00Z",
        },
        {"id": "q-2", "service": "Compute", "status": "operating-normally", "started_at": "2026-01-01T09:00:00Z"},
        {
            "id": "q-3",
            "service": "DNS",
            "status": "outage",
            "started_at": "2026-01-01T05:00:00Z",
            "resolved_at": "2026-01-01T06:00:00Z",
        },
        {"id": "q-4", "service": "Later", "status": "outage", "started_at": "2026-01-02T05:00:00Z"},
        "nonsense",
    ],
}
UNTIL_S = 1767265200.0  # 2026-01-01T11:00:00Z


def test_only_trouble_that_is_not_over_is_an_outage() -> None:
    [outage] = outages([FEED, {"doc": "status_feed", "events": None}], until_s=UNTIL_S)
    assert outage.title == "slow"
    assert {"queue", "storage", "west"} <= outage.words


def test_pattern_counts_become_shifts() -> None:
    documents = [
        {
            "doc": "log_pattern",
            "service": "a",
            "signature": "pool exhausted after <N> ms",
            "count": 540,
            "delta_vs_baseline": "+540",
        },
        {"doc": "log_pattern", "service": "a", "signature": "handled request", "count": 120, "delta_vs_baseline": "-2600"},
        {"doc": "log_pattern", "service": "a", "signature": 7, "count": "many"},
    ]
    first, second = patterns(documents, known=())
    assert (first.change, first.kind, first.n_reference) == ("new", "connection_pool", 0)
    assert second.novelty < 0


def test_patterns_that_the_lines_show_already_are_left_out() -> None:
    document = {
        "doc": "log_pattern",
        "service": "a",
        "signature": "pool exhausted after <N> ms",
        "count": 5,
        "delta_vs_baseline": "+5",
    }
    known = patterns([document], known=())
    assert patterns([document], known=known) == ()


def test_detections_come_the_strongest_first() -> None:
    documents = [
        {"doc": "detector_alert", "type": "Service", "name": "a", "evidence": ["RPS -20%"]},
        {"doc": "detector_alert", "type": "Service", "name": "b", "evidence": ["latency (+20420.0%)"]},
        {"doc": "detector_alert", "entry_service": "c", "raw_error": "500"},
    ]
    assert [(d.name, d.entry) for d in detections(documents)] == [("b", False), ("a", False), ("c", True)]
