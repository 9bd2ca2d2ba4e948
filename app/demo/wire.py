"""HTTP/1.1 on loopback, as much as the shop needs: a server that drains before it stops, and a client with kept connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

MAX_HEAD = 32 * 1024
MAX_BODY = 4 * 1024 * 1024
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 413: "Payload Too Large"}
REASONS |= {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class WireError(OSError):
    """The other side could not be reached, or broke off."""


@dataclass(frozen=True)
class Request:
    """`params` are the query's and, where the body is a form, the form's; the last of a name wins, `pairs` has all."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def params(self) -> dict[str, str]:
        return dict(self.pairs)

    def json(self) -> Any:
        """Raises ValueError when the body is not JSON."""
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "application/json"

    @classmethod
    def of(cls, document: object, status: int = 200) -> Reply:
        return cls(status, json.dumps(document).encode())

    def json(self) -> Any:
        return json.loads(self.body)


Handler = Callable[[Request], Awaitable[Reply]]


def listen(port: int = 0) -> socket.socket:
    """A listening socket on loopback; several processes may accept from it in turn."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(256)
    sock.setblocking(False)
    return sock


def address(sock: socket.socket) -> str:
    return f"127.0.0.1:{sock.getsockname()[1]}"


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first, headers


class Server:
    """Serves `handler` from a socket that may be shared; an answer is owed for every request that was read."""

    def __init__(self, sock: socket.socket, handler: Handler) -> None:
        self._sock = sock
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, bool] = {}  # connection -> a request of it is being answered, or its first awaited
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    async def start(self) -> Server:
        self._server = await asyncio.start_server(self._connection, sock=self._sock, limit=MAX_HEAD)
        return self

    async def drain(self, *, patience_s: float = 3.0) -> None:
        """Accepts nothing more, closes idle connections, and waits for the answers that are owed."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        for writer, busy in list(self._open.items()):
            if not busy:
                writer.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for writer in list(self._open):
            writer.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=0.2)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = True
        task = asyncio.current_task()
        assert task is not None  # streams run this as a task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._exchange(reader, writer) and not self._draining:
                self._open[writer] = False
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the other side went away or does not speak HTTP: there is nobody to tell
        finally:
            self._open.pop(writer, None)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, headers = await _read_head(reader)
        self._open[writer] = True
        method, target, _ = first.split(" ", 2)
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY:
            await _write(writer, Reply(413, b"too large", "text/plain"), keep=False)
            return False
        body = await reader.readexactly(length) if length else b""
        url = urlsplit(target)
        pairs = parse_qsl(url.query, keep_blank_values=True)
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        reply = await self._handler(Request(method, url.path, tuple(pairs), headers, body))
        keep = headers.get("connection", "").lower() != "close" and not self._draining
        await _write(writer, reply, keep=keep)
        return keep


async def _write(writer: asyncio.StreamWriter, reply: Reply, *, keep: bool) -> None:
    head = (
        f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Other')}\r\nContent-Type: {reply.content_type}\r\n"
        f"Content-Length: {len(reply.body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    writer.write(head.encode("latin-1") + reply.body)
    await writer.drain()


class Client:
    """Asks over kept connections. A kept connection that turns out closed is replaced once: nothing was answered on it."""

    def __init__(self, *, kept_per_host: int = 32) -> None:
        self._kept: dict[tuple[str, int], list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self._kept_per_host = kept_per_host

    async def ask(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"", timeout_s: float = 5.0
    ) -> Reply:
        """Raises TimeoutError after `timeout_s`, WireError when there is no answer."""
        parts = urlsplit(url)
        host = (parts.hostname or "127.0.0.1", parts.port or 80)
        target = quote(parts.path or "/", safe="/%:@") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host[0]}:{host[1]}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        message = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body
        async with asyncio.timeout(timeout_s):
            while True:
                kept = self._kept.get(host)
                fresh = not kept
                try:
                    reader, writer = kept.pop() if kept else await asyncio.open_connection(*host, limit=MAX_HEAD)
                    return await self._exchange(host, reader, writer, message)
                except (OSError, asyncio.IncompleteReadError) as broken:
                    if isinstance(broken, TimeoutError):
                        raise
                    if fresh:
                        raise WireError(f"{host[0]}:{host[1]} did not answer: {broken}") from broken

    async def close(self) -> None:
        for kept in self._kept.values():
            for _, writer in kept:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        self._kept.clear()

    async def _exchange(
        self, host: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes
    ) -> Reply:
        keep = False
        try:
            writer.write(message)
            first, headers = await _read_head(reader)
            status = int(first.split(" ", 2)[1])
            length = int(headers.get("content-length", "0"))
            body = await reader.readexactly(length) if length else b""
            keep = headers.get("connection", "").lower() != "close"
            return Reply(status, body, headers.get("content-type", ""))
        finally:
            kept = self._kept.setdefault(host, [])
            if keep and len(kept) < self._kept_per_host:
                kept.append((reader, writer))
            else:
                writer.close()
