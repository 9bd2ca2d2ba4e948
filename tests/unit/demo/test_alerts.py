from __future__ import annotations

import json

import pytest

from app.demo import alerts
from app.demo.samples import Store

RULE = alerts.Rule("HighLatency", "expr", "warning", "p95 of {route} on {service} is {value}")


def instance(route: str, *, ended: bool) -> alerts.Instance:
    labels = {"alertname": RULE.name, "service": "front", "severity": RULE.severity, "route": route}
    return alerts.Instance(RULE, labels, value=0.9, starts_s=1.0, ends_s=2.0 if ended else None)


def test_an_alert_that_is_over_is_not_told_as_firing_because_another_of_its_group_is(capsys: pytest.CaptureFixture[str]) -> None:
    sender = alerts.Sender("http://127.0.0.1:1", "t", external_url="http://x", entry_point="front")
    for group in (
        [instance("/", ended=False)],
        [instance("/", ended=True), instance("/orders", ended=False)],
        [instance("/", ended=True), instance("/orders", ended=True)],
    ):
        sender.tell(sender.payload(RULE.name, group), taken=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["status"], each["summary"].split()[2]) for each in told] == [
        ("firing", "/"),
        ("resolved", "/"),
        ("firing", "/orders"),
        ("resolved", "/orders"),
    ]


def test_no_rule_fires_while_the_baseline_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(alerts.promeval, "evaluate", lambda node, store, now_s: asked.append(now_s) or [])
    sender = alerts.Sender("http://127.0.0.1:1", "t", external_url="http://x", entry_point="front")
    rules = alerts.Rules(alerts.rules_for("front")[:1], sender, from_s=100.0)
    for now_s in (90.0, 99.0, 101.0):
        rules.evaluate(Store(), now_s)
    assert asked == [101.0]
