"""The web side of the surface: webhooks in, health and metrics out. Writes to the inbox and nothing else."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from app.domain.errors import BadInput, FirstmateError, Misconfigured
from app.domain.value import JsonObject, Value, digest
from app.incidents.monitors import alerts_of, changes_of
from app.jobs.inbox import Inbox, Overloaded
from app.web.body import TooLarge, parse, read_bytes
from app.web.kinds import ALERTS, CHANGES, NEVER_SHED
from app.web.visitor import AT_ONCE, Visitor

log = structlog.get_logger()

MOST_TOLD = 5
"""Of how many entries that could not be read the answer says why."""
QUEUE = 1024
"""How many connections the system holds for us until we come to them."""

Ready = Callable[[], Awaitable[list[str]]]
"""What keeps us from working, as sentences; empty when nothing does."""
Read = Callable[[Any, Callable[[str], None]], Sequence[Value]]
"""What a body holds; an entry that can't be read is told, and left out. Raises `BadInput` when nothing is left."""


def create(inbox: Inbox, *, token: str, ready: Ready) -> FastAPI:
    """The application. With an empty `token` no webhook is taken: an open door is never a default."""
    app = FastAPI(title="Firstmate", docs_url=None, redoc_url=None, openapi_url=None)
    registry = CollectorRegistry()
    taken = Counter("firstmate_deliveries", "Deliveries, by kind and what became of them", ["kind", "outcome"], registry=registry)
    waiting = Gauge("firstmate_inbox_waiting", "Deliveries not yet taken over by the work process", registry=registry)

    async def take(request: Request, kind: str, read: Read) -> Response:
        """One webhook: who, how much, what; fsynced before it is acknowledged. What can't be read of it costs the rest nothing."""
        unreadable: list[str] = []
        try:
            refusal = _unauthorised(request, token)
            if refusal is not None:
                taken.labels(kind, "unauthorised").inc()
                log.warning("webhook.refused", action="webhook.refused", kind=kind, why="no valid token")
                return refusal
            items = read(parse(await read_bytes(request)), unreadable.append)
            body: JsonObject = {"items": [item.model_dump(mode="json") for item in items]}
            fresh = await inbox.put(f"{kind}:{digest(body)}", kind, body, may_be_shed=kind not in NEVER_SHED)
        except BadInput as error:
            taken.labels(kind, "refused").inc()
            log.warning("webhook.refused", action="webhook.refused", kind=kind, why=str(error))
            return JSONResponse({"error": str(error)}, status_code=413 if isinstance(error, TooLarge) else 400)
        except Overloaded as error:
            taken.labels(kind, "shed").inc()
            log.error("webhook.shed", action="webhook.shed", kind=kind, why=str(error))
            told = {"error": f"{error}; send it again in a minute"}
            return JSONResponse(told, status_code=503, headers={"Retry-After": "60"})
        except FirstmateError as error:
            taken.labels(kind, "not_kept").inc()
            log.error("webhook.not_kept", action="webhook.not_kept", kind=kind, why=str(error))
            return JSONResponse({"error": f"{error}; send it again"}, status_code=503)
        taken.labels(kind, "accepted" if fresh else "repeated").inc()
        answer: JsonObject = {"accepted": len(items), "repeated": not fresh}
        if unreadable:
            answer |= {"refused": len(unreadable), "why": list(unreadable[:MOST_TOLD])}
            log.warning("webhook.partly", action="webhook.partly", kind=kind, **answer)
        return JSONResponse(answer, status_code=202)

    @app.post("/webhooks/alertmanager")
    async def alertmanager(request: Request) -> Response:
        return await take(request, ALERTS, alerts_of)

    @app.post("/webhooks/changes")
    async def changes(request: Request) -> Response:
        return await take(request, CHANGES, changes_of)

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
    config = uvicorn.Config(
        app, http=Visitor, ws="none", backlog=AT_ONCE, log_level="warning", access_log=False, lifespan="off",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        sock.listen(QUEUE)  # asyncio takes in as many at once as it lets wait; waiting costs us no file
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
