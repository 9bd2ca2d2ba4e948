"""The HTTP side: Web API, response_url, file uploads, and the faults that a test can ask for. Binds 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from . import api_chat, api_conversations, api_items, api_people, api_views
from .access import Tokens, check_scope, check_token
from .arguments import require
from .catalogue import methods
from .rates import RateLimits
from .sockets import SocketHub
from .state import Call, Json, SlackError, Workspace

HANDLERS: dict[str, Callable[[Workspace, Json], Json]] = {
    **api_people.METHODS,
    **api_conversations.METHODS,
    **api_chat.METHODS,
    **api_items.METHODS,
    **api_views.METHODS,
}
BODY_MOST = 2_000_000
SENT_BY_SDK = {"team_id"}  # Bolt's client adds it to every call; Slack ignores it where it means nothing


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one coming call: an error code, an HTTP status, or how the connection behaves."""

    what: str | int
    retry_after: int = 0


HOW = frozenset({"drop_before_commit", "drop_after_commit", "hang"})


class Server:
    def __init__(self, workspace: Workspace, *, tokens: Tokens, rates: RateLimits, sockets: SocketHub) -> None:
        self.workspace, self.tokens, self.rates, self.sockets = workspace, tokens, rates, sockets
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.app = web.Application(client_max_size=BODY_MOST)
        self.app.router.add_route("*", "/api/{method}", self._api)
        self.app.router.add_post("/response/{key}", self._respond)
        self.app.router.add_post("/upload/{secret}/{file_id}", self._upload)
        self.app.router.add_get("/link/", self.sockets.accept)
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    async def start(self, port: int = 0) -> None:
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.workspace.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self._stopping.set()
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method, fault = request.match_info["method"], None
        token, args = await _arguments(request)
        for name in (method, "*"):
            if fault is None and self.faults[name]:
                fault = self.faults[name].popleft()
        if fault is not None and fault.what != "drop_after_commit":
            status, body, headers = _faulty(fault)
        else:
            status, body, headers = self._answer(method, token, args)
        broken = fault is not None and fault.what in HOW
        self.workspace.calls.append(Call(method, args, token, self.workspace.now(), 0 if broken else status, deepcopy(body)))
        self.workspace.changed()
        if fault is not None and fault.what == "hang":
            await self._stopping.wait()
        if broken and request.transport is not None:
            request.transport.abort()
        if status >= 500:
            return web.Response(status=status, text="upstream connect error", headers=headers)
        return web.json_response(body, status=status, headers=headers)

    def _answer(self, method: str, token: str, args: Json) -> tuple[int, Json, dict[str, str]]:
        headers = {"x-oauth-scopes": ",".join(self.workspace.scopes)}
        try:
            result = self._handle(method, token, args)
        except SlackError as refused:
            known = methods().get(method)
            if known is not None and refused.code not in known.errors:
                raise RuntimeError(f"the fake answered {method} with {refused.code}, which Slack doesn't document") from refused
            if refused.code == "ratelimited":
                headers["Retry-After"] = str(refused.extra["retry_after"])
                return 429, {"ok": False, "error": "ratelimited"}, headers
            return 200, {"ok": False, "error": refused.code, **refused.extra}, headers
        return 200, {"ok": True, **result}, headers

    def _handle(self, method: str, token: str, args: Json) -> Json:
        known = methods().get(method)
        if known is None or (method not in HANDLERS and method != "apps.connections.open"):
            raise SlackError("unknown_method", req_method=method)
        check_token(self.tokens, method, token)
        if (wait := self.rates.retry_after(method, str(args.get("channel", "")))) is not None:
            raise SlackError("ratelimited", retry_after=wait)
        if method == "apps.connections.open":
            return {"url": self.sockets.new_url()}
        check_scope(self.workspace, known, args)
        require(known, args)
        for name in sorted(set(args) - known.required - known.optional - SENT_BY_SDK):
            self.workspace.violate(method, f"argument {name!r} is not documented", args)
        result = HANDLERS[method](self.workspace, args)
        self.workspace.changed()
        return result

    async def _respond(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        record: Json = {"ok": True}
        status = 200
        try:
            api_chat.respond(self.workspace, request.match_info["key"], body)
        except SlackError as refused:
            status = 404 if refused.code in ("expired_url", "used_url") else 400
            record = {"ok": False, "error": refused.code, **refused.extra}
        self.workspace.calls.append(Call("response_url", body, "", self.workspace.now(), status, record))
        self.workspace.changed()
        return web.Response(text="ok") if status == 200 else web.json_response(record, status=status)

    async def _upload(self, request: web.Request) -> web.Response:
        file = self.workspace.files.get(request.match_info["file_id"])
        if request.content_type.startswith("multipart/"):
            part: Any = await (await request.multipart()).next()
            content = bytes(await part.read()) if part is not None else b""
        else:
            content = await request.read()
        if file is None or len(content) != file["size"]:
            return web.Response(status=400, text="length differs from what was announced")
        file["content"] = content
        return web.Response(text=f"OK - {len(content)}")


def _faulty(fault: Fault) -> tuple[int, Json, dict[str, str]]:
    if fault.what == "ratelimited":
        return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(fault.retry_after)}
    if isinstance(fault.what, int):
        return fault.what, {}, {}
    return 200, {"ok": False, "error": fault.what}, {}


async def _arguments(request: web.Request) -> tuple[str, Json]:
    """The token (header before field) and the arguments of a call."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            body = None
        args |= body if isinstance(body, dict) else {}
    else:
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    field = str(args.pop("token", "") or "")
    kind, _, header = request.headers.get("Authorization", "").partition(" ")
    return (header.strip() if kind.lower() == "bearer" else field), args
