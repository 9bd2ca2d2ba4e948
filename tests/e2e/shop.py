"""What the incidents of these tests are about: a recorded folder with a guilty deploy, and a deploy tool that can undo it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from app.domain.telemetry import NoData

STEP_S = 10
REFERENCE_S, BEFORE_S, SINCE_S = 1800, 360, 360
"""A reference, then the incident's stretch: well for a while, then not."""
GUILTY = "7be41c9"
DIFF = """@@ -3,7 +3,7 @@ pool:
   name: orders
-  max_connections: 40
+  max_connections: 4
   acquire_timeout_ms: 500
"""


def write_case(folder: Path, *, now: datetime) -> Path:
    """Latency and errors of `checkout` rise right after its deploy; its callers follow; an innocent deploy lies near."""
    end = now.timestamp()
    onset = end - SINCE_S
    start = onset - BEFORE_S
    folder.mkdir(parents=True)
    window = {"start": _iso(start), "end": _iso(end), "reference": [_iso(start - REFERENCE_S), _iso(start)]}
    alert = {
        "fired_at": _iso(end - SINCE_S + 120),
        "service": "storefront",
        "summary": "checkout requests fail",
        "severity": "critical",
    }
    case = {"schema": "incident-case/1", "id": "shop", "alert": alert, "window": window, "candidates": [], "answers": {}}
    (folder / "case.json").write_text(json.dumps({**case, "files": [], "notes": []}))
    (folder / "metrics.csv").write_text(_metrics(start - REFERENCE_S, start, onset, end))
    _lines(folder / "logs.jsonl", _logs(start - REFERENCE_S, start, onset, end))
    _lines(folder / "changes.jsonl", _changes(onset))
    edges = [["storefront", "checkout"], ["checkout", "payments"], ["storefront", "catalogue"]]
    (folder / "topology.json").write_text(json.dumps({"edges": edges, "placement": {}}))
    return folder


def _metrics(first: float, start: float, onset: float, end: float) -> str:
    names = [
        f"{service}|{metric}"
        for service in ("storefront", "checkout", "payments", "catalogue")
        for metric in ("latency_p95_ms", "error_ratio")
    ]
    rows = [",".join(["phase", "time", *names])]
    for i in range(int((end - first) / STEP_S)):
        at = first + i * STEP_S
        sick = at >= onset + STEP_S
        wave = math.sin(i * 1.7) + 0.6 * math.sin(i * 0.37)
        values = []
        for name in names:
            service, _, metric = name.partition("|")
            base = 40 + 2 * wave if metric == "latency_p95_ms" else 0.002 + 0.0006 * abs(wave)
            factor = {"checkout": 14.0, "storefront": 9.0}.get(service, 1.0) if sick else 1.0
            values.append(f"{base * (factor if metric == 'latency_p95_ms' else (60 if factor > 1 else 1)):.5f}")
        rows.append(",".join(["incident" if at >= start else "reference", f"{at:.0f}", *values]))
    return "\n".join(rows) + "\n"


def _logs(first: float, start: float, onset: float, end: float) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for i in range(int((end - first) / STEP_S)):
        at = first + i * STEP_S
        phase = "incident" if at >= start else "reference"
        for service in ("storefront", "checkout", "payments", "catalogue"):
            lines.append({"phase": phase, "time": at, "service": service, "level": "INFO", "msg": f"request {i} done in 40 ms"})
        if at > onset:
            msg = f"pool orders exhausted: waited 500 ms for a connection, {i % 9} in the queue"
            lines.append({"phase": phase, "time": at + 1, "service": "checkout", "level": "ERROR", "msg": msg})
    return lines


def _changes(onset: float) -> list[dict[str, Any]]:
    innocent = {
        "id": "11d0aa2",
        "service": "catalogue",
        "title": "Sort by name",
        "files": ["sort.py"],
        "diff": "@@ -1 +1 @@\n-a\n+b\n",
    }
    guilty = {"id": GUILTY, "service": "checkout", "title": "Tidy the pool settings", "files": ["pool.yaml"], "diff": DIFF}
    return [
        {"time": round(onset - 240), "kind": "deploy", "version": "3.2.0", "previous_version": "3.1.9", **innocent},
        {"time": round(onset - 5), "kind": "deploy", "version": "1.8.0", "previous_version": "1.7.2", **guilty},
    ]


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(round(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class DeployTool:
    """The routes that the shop's actions use, and what was asked of it. `heals`: whether going back repairs anything."""

    versions: dict[str, str] = field(default_factory=lambda: {"checkout": "1.8.0", "catalogue": "3.2.0"})
    flags: dict[str, str] = field(default_factory=lambda: {"recommendations": "on"})
    rollouts: list[dict[str, Any]] = field(default_factory=list)
    releases: list[str] = field(default_factory=lambda: ["1.6.0", "1.7.2", "1.8.0"])  # of checkout
    heals: bool = True
    url: str = ""

    @property
    def healthy(self) -> bool:
        return self.heals and self.versions["checkout"] == "1.7.2"

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/services", self._services)
        app.router.add_get("/services/{name}", self._service)
        app.router.add_post("/services/{name}/rollout", self._rollout)
        app.router.add_post("/services/{name}/discard", self._discard)
        app.router.add_get("/flags", self._flags)
        app.router.add_get("/flags/{name}", self._flag)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _services(self, request: web.Request) -> web.Response:
        return web.json_response({"services": [{"service": name, "version": held} for name, held in self.versions.items()]})

    async def _service(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.versions:
            return web.json_response({}, status=404)
        return web.json_response({"service": name, "version": self.versions[name], "known_versions": self.releases})

    async def _rollout(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.json()
        if self.versions.get(name) != body["expected_version"]:
            return web.json_response({"error": "it runs another version"}, status=409)
        self.rollouts.append({"service": name, **body})
        self.versions[name] = body["to_version"]
        return web.json_response({"version": body["to_version"]})

    async def _discard(self, request: web.Request) -> web.Response:
        self.releases.remove((await request.json())["version"])
        return web.json_response({"known_versions": self.releases})

    async def _flags(self, request: web.Request) -> web.Response:
        return web.json_response({"flags": [{"flag": k, "value": v, "guards": []} for k, v in self.flags.items()]})

    async def _flag(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.flags:
            return web.json_response({}, status=404)
        return web.json_response({"flag": name, "value": self.flags[name]})


@dataclass(frozen=True)
class LiveMetrics:
    """The same series as recorded, but of now: they recover once the shop has."""

    tool: DeployTool
    name: str = "case:metrics.csv"

    async def value(self, query: str, *, at: datetime) -> float | NoData:
        if self.tool.healthy:
            return 0.002 if "error" in query else 40.0
        return 0.12 if "error" in query else 560.0

    async def metrics(self, scope: Any, *, entities: Any = ()) -> NoData:
        return NoData(self.name, "metrics", "only asked for single values here")
