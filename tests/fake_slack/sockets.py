"""Slack's end of Socket Mode: single-use URLs, hello, envelopes to one of up to ten sockets, acknowledgements, disconnects."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import WSMsgType, web

from .delivery import Attempt, DeliveryKind
from .state import Json, Workspace

SOCKETS_MOST = 10


@dataclass(eq=False)
class Socket:
    number: int
    connection: web.WebSocketResponse
    request: web.Request
    leaving: bool = False


@dataclass(frozen=True)
class Acknowledgement:
    """An ack as it arrived; `expected` is False for one that came late or for an envelope nobody knows."""

    envelope_id: str
    payload: Any
    socket: int
    expected: bool


class SocketHub:
    def __init__(self, workspace: Workspace, *, ack_deadline_s: float) -> None:
        self.workspace, self.ack_deadline_s = workspace, ack_deadline_s
        self.sockets: list[Socket] = []
        self.acks: list[Acknowledgement] = []
        self.sent: list[tuple[int, Json]] = []
        self.lose_acks = 0
        self._tickets: set[str] = set()
        self._waiting: dict[str, tuple[Socket, asyncio.Future[Any]]] = {}
        self._late: dict[str, tuple[float, Attempt]] = {}
        self._opened = self._turn = 0

    def new_url(self) -> str:
        ticket = self.workspace.secret("ticket")
        self._tickets.add(ticket)
        return f"{self.workspace.base_url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self.workspace.app_id}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="unknown or used ticket")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        if len(self.sockets) >= SOCKETS_MOST:
            await connection.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await connection.close()
            return connection
        self._opened += 1
        socket = Socket(self._opened, connection, request)
        self.sockets.append(socket)
        await connection.send_json(self._hello())
        self.workspace.changed()
        try:
            async for message in connection:
                if message.type == WSMsgType.TEXT:
                    self._heard(socket, message.data)
        finally:
            self._gone(socket)
        return connection

    def _hello(self) -> Json:
        debug = {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060}
        app = {"app_id": self.workspace.app_id}
        return {"type": "hello", "num_connections": len(self.sockets), "connection_info": app, "debug_info": debug}

    def _heard(self, socket: Socket, text: str) -> None:
        try:
            answer = json.loads(text)
        except ValueError:
            return
        envelope_id = str(answer.get("envelope_id")) if isinstance(answer, dict) else ""
        if self.lose_acks > 0 and envelope_id in self._waiting:
            self.lose_acks -= 1
            return
        known = self._waiting.pop(envelope_id, None)
        self.acks.append(Acknowledgement(envelope_id, answer.get("payload"), socket.number, known is not None))
        if known is not None and not known[1].done():
            known[1].set_result(answer.get("payload"))
        elif envelope_id in self._late:
            started, attempt = self._late.pop(envelope_id)
            attempt.ack_body, attempt.latency_s = answer.get("payload"), asyncio.get_running_loop().time() - started
        self.workspace.changed()

    def _gone(self, socket: Socket) -> None:
        if socket in self.sockets:
            self.sockets.remove(socket)
        for envelope_id, (holder, future) in list(self._waiting.items()):
            if holder is socket:
                del self._waiting[envelope_id]
                future.cancel()
        self.workspace.changed()

    def seal(self, kind: DeliveryKind, payload: Json) -> Json:
        envelope_id = self.workspace.secret("envelope")
        return {"envelope_id": envelope_id, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api"}

    async def send(self, sealed: Json, *, number: int = 0, reason: str | None = None) -> Attempt:
        """Send an envelope to the next socket in turn and wait for its acknowledgement."""
        envelope = dict(sealed)
        if envelope["type"] == "events_api":
            # Socket Mode's words for the reasons differ from HTTP's.
            reason = {"http_timeout": "timeout", "http_error": "error"}.get(reason or "", reason)
            envelope |= {"retry_attempt": number, "retry_reason": reason or ""}
        attempt = Attempt(number, "unreachable", reason)
        candidates = [each for each in self.sockets if not each.leaving] or self.sockets
        if not candidates:
            return attempt
        socket = candidates[self._turn % len(candidates)]
        self._turn += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        started = loop.time()
        self._waiting[envelope["envelope_id"]] = (socket, future)
        self.sent.append((socket.number, envelope))
        try:
            await socket.connection.send_json(envelope)
            await asyncio.wait({future}, timeout=self.ack_deadline_s)
        except ConnectionError:
            attempt.outcome = "dropped"
            return attempt
        finally:
            self._waiting.pop(envelope["envelope_id"], None)
        if future.cancelled():
            attempt.outcome = "dropped"
        elif not future.done():
            attempt.outcome = "late"
            self._late[envelope["envelope_id"]] = (started, attempt)
        else:
            attempt.outcome, attempt.ack_body, attempt.latency_s = "acked", future.result(), loop.time() - started
        return attempt

    async def disconnect(self, reason: Literal["warning", "refresh_requested", "link_disabled"]) -> None:
        """Announce the end of the present sockets. Except for a warning, they get no new envelopes while another one is there."""
        for socket in list(self.sockets):
            socket.leaving = reason != "warning"
            await socket.connection.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-fake"}})

    def drop(self) -> None:
        """Cut every connection without a word, as a network does."""
        for socket in list(self.sockets):
            if socket.request.transport is not None:
                socket.request.transport.abort()
            self._gone(socket)

    async def close(self) -> None:
        for socket in list(self.sockets):
            await socket.connection.close()
