from __future__ import annotations

from graphs.analysis.detectors import Detected, detected


def test_an_alert_is_about_a_thing_or_about_a_failing_request() -> None:
    documents = [
        {"doc": "detector_alert", "type": "Service", "name": "till", "evidence": ["slow", "fewer requests"]},
        {"doc": "status_feed", "name": "till"},
        {"doc": "detector_alert", "entry_service": "front", "request_method": " POST", "raw_error": 503},
        {"doc": "detector_alert", "name": ["till"], "evidence": "slow"},
    ]
    assert detected(documents) == (
        Detected(name="till", kind="Service", lines=("slow", "fewer requests")),
        Detected(lines=("",), entry="front", method="POST", error="503"),
        Detected(lines=("slow",)),
    )


def test_a_machine_is_called_as_telemetry_calls_it() -> None:
    assert Detected(name="n1", kind="Host").entity == "node/n1"
    assert Detected(name="node/n1", kind="node").entity == "node/n1"
    assert Detected(name="till", kind="Service").entity == "till"
