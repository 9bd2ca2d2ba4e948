from __future__ import annotations

from typing import Any

from app.incidents.monitors import alerts_of, changes_of

AT = "2026-03-01T12:00:00Z"


def alert(group: str = "g", **given: Any) -> Any:
    (read,) = alerts_of({"groupKey": group, "alerts": [{"startsAt": AT, "labels": {}, **given}]})
    return read


def change(**given: Any) -> Any:
    (read,) = changes_of({"id": "c1", "kind": "flag", "at": AT, **given})
    return read


def test_a_secret_is_taken_out_wherever_a_monitor_or_a_pipeline_wrote_it() -> None:
    read = change(
        title="set password=canary-title-1",
        diff="+token: canary-diff-0123456789",
        author="postgres://ci:canary-author@host/x",
        details={"flag": "f", "password": "canary-detail-1", "nested": [{"api_key": "canary-nested-0123456789"}]},
    )
    assert "canary" not in read.model_dump_json()
    assert read.details["flag"] == "f"
    told = alert(labels={"service": "checkout", "password": "canary-label-1"}, generatorURL="http://u:canary-link@prom/graph")
    assert "canary" not in told.model_dump_json()
    assert told.service == "checkout"


def test_a_group_is_told_from_another_however_long_its_key_is_and_secrets_in_it_are_not_kept() -> None:
    first, second = alert("k" * 5000 + "1"), alert("k" * 5000 + "2")
    assert first.group_key != second.group_key
    assert len(first.group_key) < 100
    assert alert("{}:{a}").group_key == "{}:{a}"
    secret = alert("{password=canary-1}").group_key
    assert "canary" not in secret
    assert secret == alert("{password=canary-1}").group_key
    assert len(alert(fingerprint="f" * 5000).fingerprint) < 100
