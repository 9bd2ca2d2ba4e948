"""What every service of the shop runs on: routes, calls, a pool, flags, metrics, logs. What it does is its release's code."""

from __future__ import annotations

import asyncio
import json
import linecache
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.demo import metrics, wire

MEGABYTE = 1024 * 1024


class UpstreamFailed(Exception):
    """Another service did not answer, or not with 2xx. `timed_out` tells the two apart."""

    def __init__(self, upstream: str, why: str, *, timed_out: bool = False) -> None:
        super().__init__(f"{upstream} {why}")
        self.timed_out = timed_out


class PoolTimeout(Exception):
    """No connection to the database became free in time."""


class BadInput(Exception):
    """The caller asked for something that can't be: answered 400."""


class Log:
    """JSON lines, one whole line per write, so that two processes may append to one file."""

    def __init__(self, path: Path, service: str, version: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._fixed = {"service": service, "version": version}

    def write(self, level: str, msg: str, **fields: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": now, "level": level, **self._fixed, "msg": msg, **fields}
        os.write(self._fd, (json.dumps(line, ensure_ascii=False) + "\n").encode())


class Pool:
    """A database behind a bounded number of connections; each query takes its time while it holds one."""

    def __init__(self, registry: metrics.Registry, *, size: int, wait_timeout_ms: float) -> None:
        self._free = asyncio.Semaphore(size)
        self._wait_timeout_s = wait_timeout_ms / 1000
        self._registry = registry
        self.size, self.in_use, self.waiting = size, 0, 0
        registry.gauge("db_pool_size", lambda: self.size)
        registry.gauge("db_pool_in_use", lambda: self.in_use)
        registry.gauge("db_pool_waiting", lambda: self.waiting)
        for name in ("db_pool_wait_seconds_sum", "db_pool_wait_seconds_count", "db_pool_timeouts_total"):
            registry.count(name, 0)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Callable[[str, float], Awaitable[None]]]:
        """A function that runs one statement in so many milliseconds. Raises PoolTimeout."""
        asked = time.monotonic()
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_timeout_s):
                await self._free.acquire()
        except TimeoutError as late:
            self._registry.count("db_pool_timeouts_total")
            waited = f"{self._wait_timeout_s * 1000:.0f} ms"
            raise PoolTimeout(f"no connection became free within {waited}: {self.in_use} of {self.size} in use") from late
        finally:
            self.waiting -= 1
            self._registry.count("db_pool_wait_seconds_sum", time.monotonic() - asked)
            self._registry.count("db_pool_wait_seconds_count")
        self.in_use += 1
        try:
            yield self._query
        finally:
            self.in_use -= 1
            self._free.release()

    async def _query(self, statement: str, ms: float) -> None:
        self._registry.count("queries_total", operation=statement.split(" ", 1)[0])
        await asyncio.sleep(ms / 1000 * random.uniform(0.8, 1.25))


@dataclass
class Context:
    """One request on its way: where it came in, and its trace."""

    route: str
    trace: str
    params: dict[str, str]
    request: wire.Request

    def json(self) -> Any:
        return self.request.json()


class Service:
    """The runtime handed to a release's handlers."""

    def __init__(self, spec: dict[str, Any]) -> None:
        release = Path(spec["release"])
        self.name: str = spec["service"]
        self.config: dict[str, Any] = json.loads((release / "config.json").read_text())
        self._addresses: dict[str, str] = spec["addresses"]
        self._flags_file = Path(spec["flags"])
        self._flags: dict[str, str] = json.loads(self._flags_file.read_text())
        self.registry = metrics.Registry()
        self.log = Log(Path(spec["log"]), self.name, spec["version"])
        self.pool = Pool(self.registry, **self.config["pool"]) if "pool" in self.config else None
        self._client = wire.Client()
        self._memory = self.config.get("memory", {"throttle_mb": 4096, "limit_mb": 8192})
        self._last_memory_warning = 0.0
        self._describe(spec["version"])
        self.routes = self._load(release, f"services/{self.name}/handlers.py")

    def _describe(self, version: str) -> None:
        registry = self.registry
        for name, kind, text in (
            ("http_requests_total", "counter", "Requests answered."),
            ("http_request_duration_seconds", "histogram", "Time to answer a request."),
            ("http_client_requests_total", "counter", "Requests made to another service."),
            ("http_client_request_duration_seconds", "histogram", "Time another service took to answer."),
            ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
            ("process_memory_limit_bytes", "gauge", "Resident memory above which requests are refused."),
            ("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
            ("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
            ("queries_total", "counter", "Database statements run."),
            ("db_pool_size", "gauge", "Connections the pool may hold."),
            ("db_pool_in_use", "gauge", "Connections in use."),
            ("db_pool_waiting", "gauge", "Requests waiting for a connection."),
            ("db_pool_wait_seconds_sum", "counter", "Time spent waiting for a connection."),
            ("db_pool_wait_seconds_count", "counter", "Connections asked for."),
            ("db_pool_timeouts_total", "counter", "Requests that got no connection in time."),
            ("cache_entries", "gauge", "Entries held in a cache."),
            ("in_flight_requests", "gauge", "Requests being answered now."),
            ("log_messages_total", "counter", "Log lines written, by level."),
            ("build_info", "gauge", "The version that runs."),
        ):
            registry.describe(name, kind, text)
        started = time.time()
        self.in_flight = 0
        registry.gauge("process_resident_memory_bytes", metrics.resident_bytes)
        registry.gauge("process_memory_limit_bytes", lambda: self._memory["limit_mb"] * MEGABYTE)
        registry.gauge("process_cpu_seconds_total", metrics.cpu_seconds)
        registry.gauge("process_start_time_seconds", lambda: started)
        registry.gauge("in_flight_requests", lambda: self.in_flight)
        registry.gauge("build_info", lambda: 1.0, version=version)

    def _load(self, release: Path, shown_as: str) -> dict[str, Callable[..., Awaitable[object]]]:
        """Runs the release's source under its name in the repository, which is what stack traces then show."""
        source = (release / "handlers.py").read_text()
        linecache.cache[shown_as] = (len(source), None, source.splitlines(keepends=True), shown_as)
        scope: dict[str, Any] = {"__name__": f"services.{self.name}.handlers"}
        exec(compile(source, shown_as, "exec"), scope)  # noqa: S102 - the release is the service's own code
        if "start" in scope:
            scope["start"](self)
        routes: dict[str, Callable[..., Awaitable[object]]] = scope["ROUTES"]
        return routes

    # --- what handlers use

    def flag(self, name: str) -> bool:
        return self._flags.get(name) == "on"

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        self.registry.gauge(name, read, **labels)

    def connection(self) -> Any:
        """`async with service.connection() as run: await run("select …", 20)`. Raises PoolTimeout."""
        if self.pool is None:
            raise RuntimeError(f"{self.name} has no database: its config names no pool")
        return self.pool.connection()

    async def call(self, context: Context, upstream: str, route: str, body: object = None, **params: str) -> Any:
        """What `upstream` answers, decoded. Raises UpstreamFailed."""
        method, path = route.split(" ", 1)
        timeout_ms = self.config["timeouts_ms"][upstream]
        url = f"http://{self._addresses[upstream]}{path}" + (f"?{urlencode(params)}" if params else "")
        headers = {"traceparent": f"00-{context.trace}-{random.getrandbits(64):016x}-01", "content-type": "application/json"}
        started, code = time.monotonic(), "none"
        try:
            payload = b"" if body is None else json.dumps(body).encode()
            reply = await self._client.ask(method, url, headers=headers, body=payload, timeout_s=timeout_ms / 1000)
            code = str(reply.status)
        except TimeoutError as late:
            code = "timeout"
            raise UpstreamFailed(upstream, f"did not answer {route} within {timeout_ms} ms", timed_out=True) from late
        except wire.WireError as broken:
            code = "unreachable"
            raise UpstreamFailed(upstream, f"could not be reached for {route}: {broken}") from broken
        finally:
            self.registry.count("http_client_requests_total", upstream=upstream, code=code)
            self.registry.observe("http_client_request_duration_seconds", time.monotonic() - started, upstream=upstream)
        if reply.status >= 500:
            raise UpstreamFailed(upstream, f"answered {reply.status} to {route}")
        if reply.status >= 400:
            raise BadInput(f"{upstream} answered {reply.status} to {route}")
        return reply.json()

    # --- answering

    async def answer(self, request: wire.Request) -> wire.Reply:
        if request.path == "/metrics":
            return wire.Reply(200, self.registry.text().encode(), "text/plain; version=0.0.4; charset=utf-8")
        if request.path == "/healthz":
            return wire.Reply.of({"service": self.name, "ok": True})
        route = f"{request.method} {request.path}"
        handler = self.routes.get(route)
        if handler is None:
            return wire.Reply.of({"error": f"no such route: {route}"}, 404)
        parts = request.headers.get("traceparent", "").split("-")
        trace = parts[1] if len(parts) == 4 and len(parts[1]) == 32 else f"{random.getrandbits(128):032x}"
        context = Context(route, trace, request.params, request)
        started = time.monotonic()
        self.in_flight += 1
        try:
            status, document = await self._outcome(handler, context)
        finally:
            self.in_flight -= 1
        self._record(context, status, time.monotonic() - started)
        return wire.Reply.of(document, status)

    async def _outcome(self, handler: Callable[..., Awaitable[object]], context: Context) -> tuple[int, object]:
        try:
            await self._mind_memory()
            return 200, await handler(self, context)
        except BadInput as wrong:
            return 400, {"error": str(wrong)}
        except UpstreamFailed as failed:
            self._failed(context, f"{context.route} failed: {failed}", failed)
            return (504 if failed.timed_out else 502), {"error": str(failed)}
        except (PoolTimeout, MemoryError) as short:
            self._failed(context, f"{context.route} failed: {short}", short)
            return 503, {"error": str(short)}
        except Exception as broken:  # noqa: BLE001 - a handler's bug is one failed request, never the service's end
            self._failed(context, f"unhandled error in {context.route}", broken)
            return 500, {"error": "internal error"}

    def _failed(self, context: Context, msg: str, error: Exception) -> None:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("services/")]
        stack = "".join(["Traceback (most recent call last):\n", *traceback.format_list(own)])
        stack += f"{type(error).__name__}: {error}\n"
        self.registry.count("log_messages_total", level="error")
        fields = {"trace": context.trace, "route": context.route, "exception": type(error).__name__, "stack": stack}
        self.log.write("ERROR", msg, **fields)

    async def _mind_memory(self) -> None:
        """As a container's memory limits do: slower and slower above the first, refusing above the second."""
        used, throttle, limit = metrics.resident_bytes() / MEGABYTE, self._memory["throttle_mb"], self._memory["limit_mb"]
        if used <= throttle:
            return
        if time.monotonic() - self._last_memory_warning > 1.0:
            self._last_memory_warning = time.monotonic()
            self.registry.count("log_messages_total", level="warning")
            self.log.write("WARN", f"memory high: {used:.0f} of {limit} MB resident, reclaiming", resident_mb=round(used))
        if used >= limit:
            raise MemoryError(f"out of memory: {used:.0f} MB resident, limit {limit} MB")
        await asyncio.sleep(0.25 + 0.75 * (used - throttle) / (limit - throttle))

    def _record(self, context: Context, status: int, took_s: float) -> None:
        method, path = context.route.split(" ", 1)
        self.registry.count("http_requests_total", method=method, route=path, code=str(status))
        self.registry.observe("http_request_duration_seconds", took_s, method=method, route=path)
        every = self.config.get("log", {}).get("sample_every", 5)
        if status < 500 and random.random() * every >= 1:
            return
        asked = {name: context.params[name] for name in ("q", "country", "postcode") if name in context.params}
        agent = context.request.headers.get("user-agent", "")
        fields: dict[str, object] = {"trace": context.trace, "route": context.route, "status": status}
        fields["duration_ms"] = round(took_s * 1000, 1)
        if asked:
            fields["params"] = asked
        if agent:
            fields["user_agent"] = agent
        self.registry.count("log_messages_total", level="info")
        self.log.write("INFO", f"{context.route} {status}", **fields)

    async def follow_flags(self) -> None:
        seen = self._flags_file.stat().st_mtime_ns
        while True:
            await asyncio.sleep(0.25)
            now = self._flags_file.stat().st_mtime_ns
            if now != seen:
                seen = now
                before, self._flags = self._flags, json.loads(self._flags_file.read_text())
                for name in sorted({n for n in self._flags if before.get(n) != self._flags[n]} & set(self.config.get("flags", ()))):
                    self.log.write("INFO", f"flag {name} is now {self._flags[name]}")


async def _serve(spec: dict[str, Any]) -> None:
    service = Service(spec)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    sock = socket.socket(fileno=spec["fd"])
    sock.setblocking(False)
    server = await wire.Server(sock, service.answer).start()
    flags = asyncio.create_task(service.follow_flags())
    service.log.write("INFO", f"{service.name} {spec['version']} is up")
    print(json.dumps({"up": True}), flush=True)
    await ended.wait()
    await server.drain()
    flags.cancel()
    service.log.write("INFO", f"{service.name} {spec['version']} stopped")


def main(_arguments: list[str]) -> int:
    """Its spec comes as one JSON line on stdin: service, version, release, addresses, flags, log, fd (the listening socket)."""
    asyncio.run(_serve(json.loads(sys.stdin.readline())))
    return 0
