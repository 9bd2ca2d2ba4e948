"""The shared ledger over HTTP, for agents that are not ours: they ask before they act, and say what they did.

Who asks is known by its token alone (`agents` in the policy file holds the hashes). Whatever can't be read, looked up or written is
a no, with a sentence that says what to do next; the ledger is the same that people's approvals run by.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError

from app.domain.errors import BadInput, Denied, FirstmateError, Misconfigured
from app.domain.ports import Clock
from app.domain.priority import class_of
from app.domain.redaction import redact, redact_value
from app.domain.resource import is_resource
from app.domain.window import Window
from app.incidents import share
from app.incidents.monitors import changes_of, moment
from app.incidents.reload import ReadPolicy
from app.incidents.share import Lost, Renewed, Shared, Stale
from app.ledger import changes, claims, conflicts, states, waits
from app.ledger.claims import Claim
from app.ledger.conflicts import LATELY
from app.ledger.ledger import Ledger
from app.ledger.states import State
from app.ledger.waits import Granted, Refused
from app.policy.agents import KnownAgent, hash_of
from app.web.body import TooLarge, parse, read_bytes
from app.web.ledger_shapes import (
    AllClaims,
    Ask,
    ClaimShown,
    Got,
    Held,
    Hold,
    InWayShown,
    Leave,
    NotGot,
    NotHeld,
    NotWritten,
    Problem,
    StateShown,
    WaitShown,
    Write,
)

log = structlog.get_logger()

LARGEST_STATE = 64 * 1024
LOOK_EVERY_S = 5.0
"""How soon an edited policy file counts here, seconds."""
ASK_AGAIN_S = 2.0
"""The longest pause that is suggested: who stays away much longer loses its place."""
LONGEST_LOOK = timedelta(days=31)

M = TypeVar("M", bound=BaseModel)
KnownAgents = Callable[[], Awaitable[Mapping[str, KnownAgent]]]
"""Who may ask, by the hash of its token, now. Raises `FirstmateError` where that can't be told; that means no."""


class Unknown(FirstmateError):
    """Nobody we know asks."""


def create(shared: Callable[[], Awaitable[Shared]], known: KnownAgents) -> FastAPI:
    """To be mounted at /v1; it describes itself at /v1/openapi.json. `shared`: the ledger, opened when it is first asked for."""
    told: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 401, 409, 413, 503)}
    api = FastAPI(
        title="Firstmate's shared ledger", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json", responses=told,
        description="Send Authorization: Bearer and the token that `firstmate agents token NAME --class CLASS` printed.",
    )  # fmt: skip

    async def asked(request: Request) -> KnownAgent:
        given = request.headers.get("authorization", "")
        agents = await known()
        found = agents.get(hash_of(given[len("Bearer ") :])) if given.startswith("Bearer ") else None
        if found is None:
            raise Unknown(
                "not authorised: send Authorization: Bearer and an agent's token; `firstmate agents token NAME --class CLASS` "
                "makes one, and its hash belongs under agents in the policy file"
            )
        return found

    @api.exception_handler(FirstmateError)
    async def refused(request: Request, error: Exception) -> Response:
        code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 503)
        more = "; nothing is granted while this can't be told: change nothing, ask again" if code == 503 else ""
        log.warning("ledger_api.refused", action="ledger_api.refused", path=request.url.path[:200], code=code, why=str(error))
        headers = {"WWW-Authenticate": "Bearer"} if code == 401 else None
        return JSONResponse({"error": f"{error}{more}"}, status_code=code, headers=headers)

    @api.get("/claims", response_model=AllClaims, summary="Who holds what, who waits, who met lately")
    async def list_claims(request: Request) -> Response:
        await asked(request)
        at = await shared()
        async with at.ledger.read() as tx:
            now = at.clock()
            held = [_claim(each) for each in await claims.list_held(tx, now=now)]
            waiting = [
                WaitShown(resource=each.resource, holder=each.holder, class_=class_of(each.priority), since=each.since)
                for each in await waits.list_waiting(tx, now=now)
            ]
            met = await conflicts.list_since(tx, now - LATELY)
        return _say(AllClaims(claims=held, waiting=waiting, conflicts=met))

    @api.post(
        "/claims", status_code=201, response_model=Got, responses={409: {"model": NotGot}}, openapi_extra=_body(Ask),
        summary="Claim all of these, or none",
    )  # fmt: skip
    async def ask(request: Request) -> Response:
        caller = await asked(request)
        wanted = await _read(request, Ask)
        answer = await share.claim(await shared(), caller, wanted.resources, ttl_s=wanted.ttl_s, why=redact(wanted.why))
        if isinstance(answer, Granted):
            return _say(Got(claims=[_claim(each) for each in answer.claims]), 201)
        return _not_got(answer)

    @api.post(
        "/claims/heartbeat", response_model=Held, responses={409: {"model": NotHeld}}, openapi_extra=_body(Hold),
        summary="Hold these for longer; say that you begin to execute",
    )  # fmt: skip
    async def heartbeat(request: Request) -> Response:
        caller = await asked(request)
        hold = await _read(request, Hold)
        answer = await share.renew(await shared(), caller, hold.tokens, ttl_s=hold.ttl_s, executing=hold.executing)
        if isinstance(answer, Renewed):
            return _say(Held(claims=[_claim(each) for each in answer.claims], ending=answer.ending))
        return _not_held(answer)

    @api.post(
        "/claims/release", response_model=Got, responses={409: {"model": NotHeld}}, openapi_extra=_body(Leave),
        summary="Let go of these",
    )  # fmt: skip
    async def release(request: Request) -> Response:
        caller = await asked(request)
        lost = await share.release(await shared(), caller, (await _read(request, Leave)).tokens)
        return _not_held(lost) if lost else _say(Got(claims=[]))

    @api.get(
        "/changes", summary="What was changed, oldest first: `from` and `to` are moments; the last hour where they are not given",
        openapi_extra={"parameters": [_moment_parameter("from"), _moment_parameter("to")]},
    )  # fmt: skip
    async def list_changes(request: Request) -> Response:
        await asked(request)
        at = await shared()
        end = _moment(request, "to") or at.clock() + timedelta(seconds=1)
        start = _moment(request, "from") or end - timedelta(hours=1)
        if not start < end <= start + LONGEST_LOOK:
            raise BadInput(f"`from` must come before `to`, at most {LONGEST_LOOK.days} days")
        async with at.ledger.read() as tx:
            found = await changes.between(tx, Window(start=start, end=end))
        return JSONResponse({"changes": [each.model_dump(mode="json") for each in found]})

    @api.post(
        "/changes", status_code=201, openapi_extra=_CHANGES, summary="Report what you changed: whoever looks for causes sees it"
    )
    async def report(request: Request) -> Response:
        caller = await asked(request)
        unreadable: list[str] = []
        told = changes_of(parse(await read_bytes(request)), unreadable.append)
        new = await share.report(await shared(), caller, told)
        more = {"refused": len(unreadable), "why": unreadable[:5]} if unreadable else {}
        return JSONResponse({"recorded": new, "known": len(told) - new, **more}, status_code=201)

    @api.get("/state/{resource:path}", response_model=StateShown, summary="How a resource stands, and its version")
    async def read_state(request: Request, resource: str) -> Response:
        await asked(request)
        at = await shared()
        async with at.ledger.read() as tx:
            return _say(_state(await states.get(tx, _named(resource))))

    @api.put(
        "/state/{resource:path}", response_model=StateShown, responses={409: {"model": NotWritten}}, openapi_extra=_body(Write),
        summary="Say how a resource stands now, under your claim and on top of the version you know",
    )  # fmt: skip
    async def write_state(request: Request, resource: str) -> Response:
        caller = await asked(request)
        given = await _read(request, Write, largest=LARGEST_STATE)
        body = redact_value(given.state)
        answer = await share.write(await shared(), caller, _named(resource), body, version=given.version, token=given.token)
        if isinstance(answer, Lost):
            return _not_held([answer])
        if isinstance(answer, Stale):
            return _say(NotWritten(error=_stale(answer), now=_state(answer.now)), 409)
        return _say(_state(answer))

    return api


_CODES: dict[type[FirstmateError], int] = {Unknown: 401, TooLarge: 413, BadInput: 400, Denied: 409}


async def _read(request: Request, kind: type[M], *, largest: int | None = None) -> M:
    body = await (read_bytes(request) if largest is None else read_bytes(request, largest=largest))
    try:
        return kind.model_validate(parse(body), strict=True)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the body'}: {e['msg']}" for e in error.errors()[:3])
        raise BadInput(f"this can't be read: {told}; /v1/openapi.json says what it looks like") from error


def _named(resource: str) -> str:
    if not is_resource(resource):
        raise BadInput("a resource is written like shop/service/checkout: words joined by single slashes, nothing escaped")
    return resource


def _moment(request: Request, name: str) -> datetime | None:
    given = request.query_params.get(name)
    return None if given is None else moment(given.replace(" ", "+"), what=name)  # an unescaped + comes as a blank


def _say(answer: BaseModel, code: int = 200, **headers: str) -> Response:
    return JSONResponse(answer.model_dump(mode="json", by_alias=True), status_code=code, headers=headers)


def _not_got(answer: Refused) -> Response:
    first = answer.in_way[0]
    has = "is executing on" if first.executing else "holds" if first.token is not None else "waits for, and goes first with,"
    until = f" until {first.until:%H:%M:%S}Z if it does not renew" if first.until is not None and first.token is not None else ""
    error = f"{first.holder} ({class_of(first.priority)}) {has} {first.resource}{until}: change nothing, ask again"
    in_way = [
        InWayShown(
            resource=each.resource,
            holder=each.holder,
            class_=class_of(each.priority),
            since=each.since,
            until=each.until,
            executing=each.executing,
        )
        for each in answer.in_way
    ]
    body = NotGot(error=error, in_way=in_way, waiting_since=answer.since, retry_after_s=ASK_AGAIN_S)
    return _say(body, 409, **{"Retry-After": str(math.ceil(ASK_AGAIN_S))})


def _not_held(lost: tuple[Lost, ...] | list[Lost]) -> Response:
    return _say(NotHeld(error=lost[0].why, lost=list(lost)), 409)


def _stale(answer: Stale) -> str:
    now = answer.now
    if now.at is None:
        return f"{now.resource} was never written, and you wrote on top of version {answer.given}: begin with version 0"
    return (
        f"{now.resource} is at version {now.version}, not {answer.given}: {now.by} changed it at {now.at:%H:%M:%S}Z, to what "
        "stands under now; look at it, then decide again"
    )


def _claim(each: Claim) -> ClaimShown:
    return ClaimShown(
        resource=each.resource,
        holder=each.holder,
        class_=class_of(each.priority),
        token=each.token,
        executing=each.executing,
        acquired_at=each.acquired_at,
        expires_at=each.expires_at,
    )


def _state(each: State) -> StateShown:
    return StateShown(resource=each.resource, version=each.version, state=each.body, changed_by=each.by or None, changed_at=each.at)


def _body(kind: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}


def _moment_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string", "format": "date-time"}}


_CHANGE = {
    "type": "object",
    "required": ["id", "kind", "at"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"enum": ["commit", "deploy", "flag", "config", "scale", "rollout", "infrastructure"]},
        "at": {"type": "string", "format": "date-time"},
        "service": {"type": "string"},
        "title": {"type": "string"},
        "details": {"type": "object"},
    },
}
_CHANGES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [_CHANGE, {"type": "object", "properties": {"changes": {"type": "array", "items": _CHANGE}}}],
                }
            }
        },
    }
}


@asynccontextmanager
async def mounted(web: FastAPI, *, ledger_url: str, clock: Clock, stop_file: Path, read_policy: ReadPolicy) -> AsyncIterator[None]:
    """`web` with the shared ledger beneath /v1 while the context is open. The ledger is opened when somebody asks who may:
    a surface that no agent comes to holds none."""
    opening, held = asyncio.Lock(), list[Shared]()

    async def shared() -> Shared:
        async with opening:
            if not held:
                held.append(Shared(ledger=await Ledger.open(ledger_url), clock=clock, stop_file=stop_file))
        return held[0]

    web.mount("/v1", create(shared, PolicyAgents(read_policy)))
    try:
        yield
    finally:
        for each in held:
            await each.ledger.close()


class PolicyAgents:
    """Who may ask, by the policy file as it is now. A broken one changes nothing, and is said in the log."""

    def __init__(self, read: ReadPolicy, *, every_s: float = LOOK_EVERY_S) -> None:
        self._read, self._every_s = read, every_s
        self._known: dict[str, KnownAgent] = {}
        self._looked_at = -math.inf
        self._looking = asyncio.Lock()

    async def __call__(self) -> Mapping[str, KnownAgent]:
        loop = asyncio.get_running_loop()
        async with self._looking:  # whoever comes first must not be refused because somebody else is looking
            if loop.time() - self._looked_at >= self._every_s:
                await self._look()
                self._looked_at = loop.time()
        return self._known

    async def _look(self) -> None:
        try:
            policy = await asyncio.to_thread(self._read)
        except Misconfigured as error:
            log.error("ledger_api.policy", action="ledger_api.policy", why=str(error), then="who was known before still is")
            return
        self._known = {each.token_sha256: each for each in policy.agents} if policy else {}
