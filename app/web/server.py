"""The web side of the surface: webhooks in, health and metrics out. Writes to the inbox and nothing else."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from app.domain.errors import BadInput, FirstmateError, Misconfigured
from app.domain.value import JsonObject, digest
from app.incidents.monitors import alerts_of, changes_of
from app.jobs.inbox import Inbox
from app.web.body import TooLarge, parse, read_bytes
from app.web.kinds import ALERTS, CHANGES

log = structlog.get_logger()


Ready = Callable[[], Awaitable[list[str]]]
"""What keeps us from working, as sentences; empty when nothing does."""


def create(inbox: Inbox, *, token: str, ready: Ready) -> FastAPI:
    """The application. With an empty `token` no webhook is taken: an open door is never a default."""
    app = FastAPI(title="Firstmate", docs_url=None, redoc_url=None, openapi_url=None)
    registry = CollectorRegistry()
    taken = Counter("firstmate_deliveries", "Deliveries, by kind and what became of them", ["kind", "outcome"], registry=registry)
    waiting = Gauge("firstmate_inbox_waiting", "Deliveries not yet taken over by the work process", registry=registry)

    async def take(request: Request, kind: str, read: Callable[[bytes], list[JsonObject]]) -> Response:
        """One webhook: who, how much, what; fsynced before it is acknowledged."""
        try:
            refusal = _unauthorised(request, token)
            if refusal is not None:
                taken.labels(kind, "unauthorised").inc()
                log.warning("webhook.refused", action="webhook.refused", kind=kind, why="no valid token")
                return refusal
            items = read(await read_bytes(request))
            body: JsonObject = {"items": list(items)}
            fresh = await inbox.put(f"{kind}:{digest(body)}", kind, body)
        except BadInput as error:
            taken.labels(kind, "refused").inc()
            log.warning("webhook.refused", action="webhook.refused", kind=kind, why=str(error))
            return JSONResponse({"error": str(error)}, status_code=413 if isinstance(error, TooLarge) else 400)
        except FirstmateError as error:
            taken.labels(kind, "not_kept").inc()
            log.error("webhook.not_kept", action="webhook.not_kept", kind=kind, why=str(error))
            return JSONResponse({"error": f"{error}; send it again"}, status_code=503)
        taken.labels(kind, "accepted" if fresh else "repeated").inc()
        return JSONResponse({"accepted": len(items), "repeated": not fresh}, status_code=202)

    @app.post("/webhooks/alertmanager")
    async def alertmanager(request: Request) -> Response:
        return await take(request, ALERTS, lambda body: [a.model_dump(mode="json") for a in alerts_of(parse(body))])

    @app.post("/webhooks/changes")
    async def changes(request: Request) -> Response:
        return await take(request, CHANGES, lambda body: [c.model_dump(mode="json") for c in changes_of(parse(body))])

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        problems = await ready()
        return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        try:
            waiting.set(await inbox.waiting())
        except FirstmateError as error:  # the last number stays; the other figures are worth having all the same
            log.error("metrics.stale", action="metrics.stale", why=str(error))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


class _Server(uvicorn.Server):
    """Leaves signals to the process, which has more to end than its web server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(app: FastAPI, *, host: str, port: int) -> AsyncIterator[str]:
    """The application on `host`:`port` (0: any free one) while the context is open; its URL. Raises `Misconfigured` when taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise Misconfigured(
            f"{host}:{port} can't be listened on ({error.strerror}); set FIRSTMATE_HOST and FIRSTMATE_PORT"
        ) from error
    server = _Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        yield f"http://{host}:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        sock.close()


def _unauthorised(request: Request, token: str) -> Response | None:
    given = request.headers.get("authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return None
    told = (
        "send Authorization: Bearer with the token in FIRSTMATE_WEBHOOK_TOKEN"
        if token
        else "FIRSTMATE_WEBHOOK_TOKEN is not set here"
    )
    return JSONResponse({"error": f"not authorised: {told}"}, status_code=401)
