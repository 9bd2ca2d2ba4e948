from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.jobs.inbox import Inbox
from app.web import server, visitor
from app.web.server import create, serve

SOON_S = 0.4
"""The deadline while a test waits for it, seconds."""
POST = b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\n"
UNFINISHED = {
    "nothing at all": b"",
    "half a header": POST + b"X: ",
    "half a body, for which a token is asked first": POST + b"Content-Length: 100\r\n\r\n{",
    "half a body, which is waited for": POST + b"Authorization: Bearer token\r\nContent-Length: 100\r\n\r\n{",
    "half a chunk": POST + b"Authorization: Bearer token\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "half a request behind a whole one": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + POST + b"Content-Length: 9\r\n\r\n{",
}
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Open]:
    """The web side on a port; `/readyz` takes as long as nobody has written the file `answer`."""
    inbox = await Inbox.open(tmp_path / "inbox.db")

    async def ready() -> list[str]:
        while not (tmp_path / "answer").exists():
            await asyncio.sleep(0.02)
        return []

    @asynccontextmanager
    async def opened() -> AsyncIterator[str]:
        async with serve(create(inbox, token="token", ready=ready), host="127.0.0.1", port=0) as url:
            yield url

    yield opened
    await inbox.close()


async def connect(url: str, sent: bytes) -> Connection:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    return reader, writer


async def still_open(connections: list[Connection], *, after_s: float) -> int:
    """On how many of them nobody has hung up, `after_s` later."""

    async def held(reader: asyncio.StreamReader) -> bool:
        try:
            async with asyncio.timeout(after_s):
                while await reader.read(65536):
                    pass
        except TimeoutError:
            return True
        except ConnectionError:
            return False
        return False

    return sum(await asyncio.gather(*(held(reader) for reader, _ in connections)))


async def all_closed(connections: list[Connection]) -> None:
    for _, writer in connections:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in connections), return_exceptions=True)


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED)
async def test_whoever_does_not_finish_a_request_is_hung_up_on(door: Open, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(visitor, "WHOLE_WITHIN_S", SOON_S)
    async with door() as url:
        held = [await connect(url, sent) for _ in range(3)]
        assert await still_open(held, after_s=10 * SOON_S) == 0
        await all_closed(held)


async def test_dripping_does_not_buy_time(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "WHOLE_WITHIN_S", SOON_S)
    async with door() as url:
        slow = await connect(url, POST + b"X: ")

        async def drip() -> None:
            while not slow[1].is_closing():
                slow[1].write(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await still_open([slow], after_s=10 * SOON_S) == 0
        slow[1].close()
        await dripping


async def test_uvicorn_alone_would_hold_them_for_ever(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "WHOLE_WITHIN_S", SOON_S)
    monkeypatch.setattr(server, "Visitor", H11Protocol)
    async with door() as url:
        held = [await connect(url, sent) for sent in UNFINISHED.values()]
        assert await still_open(held, after_s=3 * SOON_S) > 0
        await all_closed(held)


async def test_a_crowd_that_asks_for_nothing_keeps_nobody_out(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "MOST_OPEN", 8)
    monkeypatch.setattr(visitor.Visitor, "said_at", float("-inf"))
    with structlog.testing.capture_logs() as logged:
        async with door() as url, httpx2.AsyncClient() as http:
            crowd = [await connect(url, POST + b"X: ") for _ in range(60)]
            assert (await http.get(f"{url}/healthz")).status_code == 200
            assert await still_open(crowd, after_s=0.5) <= 8
            await all_closed(crowd)
    assert [each["event"] for each in logged] == ["web.crowded"]


async def test_without_a_cap_the_whole_crowd_would_be_let_in(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "most_open", lambda: 1000)
    async with door() as url:
        crowd = [await connect(url, POST + b"X: ") for _ in range(60)]
        assert await still_open(crowd, after_s=0.5) == 60
        await all_closed(crowd)


async def test_whoever_is_being_served_is_not_hung_up_on(door: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "MOST_OPEN", 8)
    monkeypatch.setattr(visitor, "WHOLE_WITHIN_S", SOON_S)
    async with door() as url, httpx2.AsyncClient(timeout=10) as http:
        asked = asyncio.create_task(http.get(f"{url}/readyz"))
        await asyncio.sleep(0.1)
        crowd = [await connect(url, POST + b"X: ") for _ in range(30)]
        await asyncio.sleep(2 * SOON_S)
        assert not asked.done()
        (tmp_path / "answer").touch()
        assert (await asked).status_code == 200
        for _ in range(8):  # on one connection, for longer than one request may take
            assert (await http.get(f"{url}/healthz")).status_code == 200
            await asyncio.sleep(SOON_S / 4)
        await all_closed(crowd)


def test_most_of_the_files_that_may_be_open_stay_free(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in ((256, 64), (1024, 256), (1_048_576, 256), (visitor.resource.RLIM_INFINITY, 256)):
        monkeypatch.setattr(visitor.resource, "getrlimit", lambda _, files=files: (files, files))
        assert visitor.most_open() == most
