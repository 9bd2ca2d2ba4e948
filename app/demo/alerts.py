"""The shop's alert rules, on what its users see, and their way to the intake as Alertmanager would send them.

Payload: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version "4").
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app.demo import promeval, promql, wire
from app.demo.samples import Store

GROUP_INTERVAL_S = 5.0
"""How long the next notification of a group waits after the last one."""
HELD = 4
"""Evaluations a condition must have held for."""
EVALUATE_EVERY_S = 1.0
SLOW_S = 0.6
FAILING_RATIO = 0.1


@dataclass(frozen=True)
class Rule:
    name: str
    expr: str
    severity: str
    summary: str  # with {service}, {route}, {value}
    percent: bool = False


def rules_for(entry_point: str) -> list[Rule]:
    every = f'sum by (job, route) (rate(http_requests_total{{job="{entry_point}"}}[5s]))'
    failed = f'sum by (job, route) (rate(http_requests_total{{job="{entry_point}",code=~"5.."}}[5s]))'
    buckets = f'sum by (job, route, le) (rate(http_request_duration_seconds_bucket{{job="{entry_point}"}}[5s]))'
    return [
        Rule(
            "HighErrorRatio",
            f"{failed} / {every} > {FAILING_RATIO}",
            "critical",
            "{value} of requests to {route} on {service} fail",
            percent=True,
        ),
        Rule("HighLatency", f"histogram_quantile(0.95, {buckets}) > {SLOW_S}", "warning", "p95 of {route} on {service} is {value}"),
    ]


def zulu(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Instance:
    """One rule for one route: pending until it has held, firing until it no longer holds."""

    rule: Rule
    labels: dict[str, str]
    value: float = 0.0
    held: int = 0
    quiet: int = 0
    starts_s: float | None = None
    ends_s: float | None = None

    @property
    def firing(self) -> bool:
        return self.starts_s is not None and self.ends_s is None


@dataclass
class Rules:
    """Evaluates the rules on the stored samples, about once a second; not before `from_s` (epoch), while the shop starts up and is
    measured on whatever machine this is."""

    rules: list[Rule]
    sender: Sender
    from_s: float = 0.0
    _instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    _parsed: dict[str, promql.Node] = field(default_factory=dict)
    _last_s: float = 0.0

    def evaluate(self, store: Store, now_s: float) -> None:
        if now_s < self.from_s or now_s - self._last_s < EVALUATE_EVERY_S - 0.05:
            return
        self._last_s = now_s
        for rule in self.rules:
            node = self._parsed.setdefault(rule.expr, promql.parse(rule.expr))
            found = promeval.evaluate(node, store, now_s)
            assert not isinstance(found, float)  # the rules compare vectors
            self._advance(rule, {s.labels["route"]: s for s in found}, now_s)
        self.sender.consider([i for i in self._instances.values() if i.starts_s is not None], now_s)

    def _advance(self, rule: Rule, found: dict[str, promeval.Sample], now_s: float) -> None:
        for route, sample in found.items():
            labels = {"alertname": rule.name, "service": sample.labels["job"], "severity": rule.severity, "route": route}
            instance = self._instances.setdefault((rule.name, route), Instance(rule, labels))
            instance.value, instance.held, instance.quiet = sample.value, instance.held + 1, 0
            if instance.held >= HELD and not instance.firing:
                instance.starts_s, instance.ends_s = now_s, None
        for (name, route), instance in self._instances.items():
            if name == rule.name and route not in found:
                instance.held, instance.quiet = 0, instance.quiet + 1
                if instance.firing and instance.quiet >= HELD:
                    instance.ends_s = now_s


class Sender:
    """Groups what fires by alert name and service, and posts each group when it changed; tries again until it is taken."""

    def __init__(self, intake: str, token: str, *, external_url: str, entry_point: str) -> None:
        self._url = f"{intake.rstrip('/')}/webhooks/alertmanager"
        self._token = token
        self._external_url = external_url
        self._entry_point = entry_point
        self._sent: dict[str, tuple[float, frozenset[tuple[str, bool]]]] = {}
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._told: dict[str, str] = {}

    def consider(self, instances: list[Instance], now_s: float) -> None:
        for name in sorted({i.rule.name for i in instances}):
            group = [i for i in instances if i.rule.name == name]
            state = frozenset((i.labels["route"], i.firing) for i in group)
            sent_s, sent = self._sent.get(name, (0.0, frozenset()))
            if state != sent and now_s - sent_s >= GROUP_INTERVAL_S:
                self._sent[name] = (now_s, state)
                self._queue.put_nowait(self.payload(name, group))

    def payload(self, name: str, group: list[Instance]) -> dict[str, Any]:
        labels = {"alertname": name, "service": self._entry_point}
        found = [self._alert(instance) for instance in group]
        return {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{name}", service="{self._entry_point}"}}',
            "truncatedAlerts": 0,
            "status": "firing" if any(i.firing for i in group) else "resolved",
            "receiver": "firstmate",
            "groupLabels": labels,
            "commonLabels": _common([alert["labels"] for alert in found]),
            "commonAnnotations": _common([alert["annotations"] for alert in found]),
            "externalURL": self._external_url,
            "alerts": found,
        }

    def _alert(self, instance: Instance) -> dict[str, Any]:
        value = f"{instance.value:.0%}" if instance.rule.percent else f"{instance.value * 1000:.0f} ms"
        summary = instance.rule.summary.format(service=instance.labels["service"], route=instance.labels["route"], value=value)
        assert instance.starts_s is not None  # only what has fired is sent
        return {
            "status": "firing" if instance.firing else "resolved",
            "labels": instance.labels,
            "annotations": {"summary": summary, "description": f"held for {HELD} evaluations: {instance.rule.expr}"},
            "startsAt": zulu(instance.starts_s),
            "endsAt": "0001-01-01T00:00:00Z" if instance.ends_s is None else zulu(instance.ends_s),
            "generatorURL": f"{self._external_url}/graph?g0.expr={quote(instance.rule.expr)}&g0.tab=1",
            "fingerprint": hashlib.blake2b(json.dumps(instance.labels, sort_keys=True).encode(), digest_size=8).hexdigest(),
        }

    async def run(self) -> None:
        client = wire.Client()
        while True:
            payload = await self._queue.get()
            taken = await post(client, self._url, self._token, payload)
            self.tell(payload, taken=taken)

    def tell(self, payload: dict[str, Any], *, taken: bool) -> None:
        """A line for each alert that is not as it was told last: the others are in a group because it is sent whole."""
        for alert in payload["alerts"]:
            if self._told.get(alert["fingerprint"], "resolved") == alert["status"]:
                continue
            self._told[alert["fingerprint"]] = alert["status"]
            event = {"event": "alert", "status": alert["status"], "taken": taken, "alertname": alert["labels"]["alertname"]}
            event |= {"service": self._entry_point, "at": alert["startsAt"], "summary": alert["annotations"]["summary"]}
            print(json.dumps(event), flush=True)


def _common(many: list[dict[str, str]]) -> dict[str, str]:
    return {k: v for k, v in many[0].items() if all(other.get(k) == v for other in many)} if many else {}


async def post(client: wire.Client, url: str, token: str, document: object, *, tries: int = 8) -> bool:
    """Posts until it is taken (2xx), with growing pauses; a refusal (other 4xx than 429) is not repeated. False when given up."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    for number in range(tries):
        try:
            reply = await client.ask("POST", url, headers=headers, body=json.dumps(document).encode(), timeout_s=5.0)
            if 200 <= reply.status < 300:
                return True
            if 400 <= reply.status < 500 and reply.status != 429:
                return False
        except OSError:
            pass  # the next try says whether it is back
        await asyncio.sleep(min(0.2 * 2**number, 5.0))
    return False
