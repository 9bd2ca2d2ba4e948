"""A small Prometheus: scrapes the services, keeps the samples in memory, answers the HTTP API, evaluates the shop's alert rules.

API as in https://prometheus.io/docs/prometheus/latest/querying/api/ .
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.demo import alerts, promeval, promql, wire
from app.demo.samples import STALE, Matcher, Series, Store

MAX_STEPS = 11000
_LABEL = re.compile(r'\s*([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"\s*,?')
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass
class Target:
    """One service's instance, and which of the store's series each of its lines belongs to."""

    job: str
    instance: str
    known: dict[str, Series | None] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)


def parse_line(line: str) -> tuple[str, dict[str, str]]:
    """Metric name and labels of a sample line's left side."""
    name, brace, inside = line.partition("{")
    labels = {}
    if brace:
        for match in _LABEL.finditer(inside.rpartition("}")[0]):
            labels[match.group(1)] = re.sub(r"\\[\\\"n]", lambda m: _UNESCAPED[m.group()], match.group(2))
    return name.strip(), labels


class Scraper:
    def __init__(self, targets: dict[str, str], *, interval_s: float) -> None:
        self.store = Store()
        self.targets = [Target(job, instance) for job, instance in targets.items()]
        self.metadata: dict[str, dict[str, str]] = {}
        self._interval_s = interval_s
        self._client = wire.Client(kept_per_host=0)  # a kept connection would hold on to the version that is going

    async def run(self, rules: alerts.Rules) -> None:
        due = time.monotonic()
        while True:
            await asyncio.gather(*(self._scrape(target) for target in self.targets))
            rules.evaluate(self.store, time.time())
            self.store.forget(time.time())
            due = max(due + self._interval_s, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _scrape(self, target: Target) -> None:
        began = time.time()
        try:
            reply = await self._client.ask("GET", f"http://{target.instance}/metrics", timeout_s=2 * self._interval_s)
            text = reply.body.decode() if reply.status == 200 else None
        except (OSError, asyncio.IncompleteReadError):
            text = None
        self.take_in(target, text, at_s=began)
        took = time.time() - began
        for name, value in (("up", float(text is not None)), ("scrape_duration_seconds", took)):
            series = self.store.series({"__name__": name, "job": target.job, "instance": target.instance})
            if series is not None:
                series.append(began, value)

    def take_in(self, target: Target, text: str | None, *, at_s: float) -> None:
        """Stores one scrape; series that it no longer has, or all when it failed, are marked as ended."""
        seen: set[str] = set()
        for line in (text or "").splitlines():
            if line.startswith("#"):
                self._remember(line)
                continue
            left, _, value = line.rpartition(" ")
            if left not in target.known:
                name, labels = parse_line(left)
                target.known[left] = self.store.series({**labels, "__name__": name, "job": target.job, "instance": target.instance})
            series = target.known[left]
            if series is not None:
                series.append(at_s, float(value))
                seen.add(left)
        for left in target.alive - seen:
            ended = target.known[left]
            if ended is not None:
                ended.append(at_s, STALE)
        target.alive = seen

    def _remember(self, line: str) -> None:
        _, what, name, text = [*line.split(" ", 3), "", "", ""][:4]
        if what in ("HELP", "TYPE"):
            self.metadata.setdefault(name, {"type": "unknown", "help": "", "unit": ""})[what.lower()] = text


# --- the HTTP API


def shown(value: float) -> str:
    """A sample's value as Prometheus writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def moment(text: str, name: str) -> float:
    """Epoch seconds or RFC 3339, as epoch seconds. Raises BadQuery."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise promql.BadQuery(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None


def _step_s(text: str) -> float:
    try:
        step = float(text)
    except ValueError:
        try:
            step = promql.duration_s(text)
        except promql.BadQuery:
            raise promql.BadQuery(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None
    if not step > 0:
        raise promql.BadQuery('invalid parameter "step": zero or negative query resolution step widths are not accepted.')
    return step


def _parsed(params: dict[str, str]) -> promql.Node:
    try:
        return promql.parse(params.get("query", ""))
    except promql.BadQuery as bad:
        raise promql.BadQuery(f'invalid parameter "query": {bad}') from bad


class Api:
    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper
        self._store = scraper.store

    async def answer(self, request: wire.Request) -> wire.Reply:
        if request.path in ("/-/ready", "/-/healthy"):
            return wire.Reply(200, b"Prometheus Server is Ready.\n", "text/plain")
        if request.method not in ("GET", "POST"):
            return wire.Reply(405, b"method not allowed", "text/plain")
        try:
            data = self._data(request)
        except promql.BadQuery as bad:
            return wire.Reply.of({"status": "error", "errorType": "bad_data", "error": str(bad)}, 400)
        if data is None:
            return wire.Reply(404, b"404 page not found\n", "text/plain")
        return wire.Reply.of({"status": "success", "data": data})

    def _data(self, request: wire.Request) -> object:
        path = request.path.removeprefix("/api/v1/")
        if path == "query":
            return self._instant(request.params)
        if path == "query_range":
            return self._range(request.params)
        if path == "series":
            if not any(name == "match[]" for name, _ in request.pairs):
                raise promql.BadQuery("no match[] parameter provided")
            return [series.lookup for series in self._matched(request)]
        if path == "labels":
            return sorted({name for series in self._matched(request) for name in series.lookup})
        label = re.fullmatch(r"label/([a-zA-Z_]\w*)/values", path)
        if label:
            return sorted({s.lookup[label.group(1)] for s in self._matched(request) if label.group(1) in s.lookup})
        if path == "metadata":
            wanted = request.params.get("metric")
            return {name: [entry] for name, entry in sorted(self._scraper.metadata.items()) if wanted in (None, "", name)}
        if path == "status/buildinfo":
            return {"version": "2.42.0", "revision": "shop"}
        return None

    def _matched(self, request: wire.Request) -> Iterator[Series]:
        start = moment(request.params.get("start", "-inf"), "start")
        end = moment(request.params.get("end", "inf"), "end")
        texts = [text for name, text in request.pairs if name == "match[]"]
        selectors: list[tuple[Matcher, ...]] = [promql.parse_selector(text) for text in texts] or [()]
        seen: set[int] = set()
        for selector in selectors:
            for series in self._store.select(selector):
                if id(series) not in seen and series.times and series.times[0] <= end and series.times[-1] >= start:
                    seen.add(id(series))
                    yield series

    def _instant(self, params: dict[str, str]) -> dict[str, Any]:
        node = _parsed(params)
        at = moment(params["time"], "time") if params.get("time") else time.time()
        if isinstance(node, promql.Selector) and node.range_s is not None:
            found = promeval.raw(node, self._store, at)
            return {"resultType": "matrix", "result": [{"metric": m, "values": [[t, shown(v)] for t, v in vs]} for m, vs in found]}
        value = promeval.evaluate(node, self._store, at)
        if isinstance(value, float):
            return {"resultType": "scalar", "result": [at, shown(value)]}
        return {"resultType": "vector", "result": [{"metric": s.labels, "value": [at, shown(s.value)]} for s in value]}

    def _range(self, params: dict[str, str]) -> dict[str, Any]:
        node = _parsed(params)
        if isinstance(node, promql.Selector) and node.range_s is not None:
            wanted = "must be Scalar or instant Vector"
            raise promql.BadQuery(f'invalid parameter "query": invalid expression type "range vector" for range query, {wanted}')
        start, end = (moment(params.get(name, ""), name) for name in ("start", "end"))
        step = _step_s(params.get("step", ""))
        if end < start:
            raise promql.BadQuery('invalid parameter "end": end timestamp must not be before start time')
        steps = int((end - start) / step) + 1
        if steps > MAX_STEPS:
            raise promql.BadQuery(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
            )
        found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        for number in range(steps):
            at = start + number * step
            value = promeval.evaluate(node, self._store, at)
            for sample in [promeval.Sample({}, value)] if isinstance(value, float) else value:
                key = tuple(sorted(sample.labels.items()))
                found.setdefault(key, {"metric": sample.labels, "values": []})["values"].append([round(at, 3), shown(sample.value)])
        return {"resultType": "matrix", "result": [found[key] for key in sorted(found)]}


async def _run(spec: dict[str, Any]) -> None:
    scraper = Scraper(spec["targets"], interval_s=spec["interval_s"])
    sock = socket.socket(fileno=spec["fd"])
    sock.setblocking(False)
    server = await wire.Server(sock, Api(scraper).answer).start()
    sender = alerts.Sender(spec["intake"], spec["token"], external_url=spec["url"], entry_point=spec["entry_point"])
    rules = alerts.Rules(alerts.rules_for(spec["entry_point"]), sender, from_s=time.time() + spec["quiet_s"])
    print(json.dumps({"up": True}), flush=True)
    sending = asyncio.create_task(sender.run())
    await scraper.run(rules)
    sending.cancel()
    await server.drain()


def main(_arguments: list[str]) -> int:
    """Its spec comes as one JSON line on stdin: fd, targets, interval_s, intake, token, url, entry_point, quiet_s."""
    asyncio.run(_run(json.loads(sys.stdin.readline())))
    return 0
