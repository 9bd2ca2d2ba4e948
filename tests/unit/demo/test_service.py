"""The runtime's parts: pool, metrics, HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.demo import metrics, wire
from app.demo.scraper import Api, Scraper, parse_line
from app.demo.service import Pool, PoolTimeout


async def test_a_pool_lets_no_more_in_than_it_holds() -> None:
    registry = metrics.Registry()
    pool = Pool(registry, size=2, wait_timeout_ms=5000)
    most = 0

    async def one() -> None:
        nonlocal most
        async with pool.connection() as run:
            most = max(most, pool.in_use)
            await run("select 1", 1)

    await asyncio.gather(*(one() for _ in range(8)))
    assert most == 2
    assert 'queries_total{operation="select"} 8' in registry.text()
    assert pool.in_use == 0


async def test_who_waits_too_long_for_a_connection_is_told() -> None:
    registry = metrics.Registry()
    pool = Pool(registry, size=1, wait_timeout_ms=10)
    async with pool.connection():
        with pytest.raises(PoolTimeout, match="1 of 1 in use"):
            async with pool.connection():
                pass
    assert "db_pool_timeouts_total 1" in registry.text()
    async with pool.connection():
        assert pool.in_use == 1


def test_a_histogram_is_cumulative() -> None:
    registry = metrics.Registry()
    for value in (0.004, 0.02, 9.0):
        registry.observe("took_seconds", value, route="/x")
    lines = registry.text().splitlines()
    assert 'took_seconds_bucket{route="/x",le="0.005"} 1' in lines
    assert 'took_seconds_bucket{route="/x",le="5"} 2' in lines
    assert 'took_seconds_bucket{route="/x",le="+Inf"} 3' in lines
    assert 'took_seconds_count{route="/x"} 3' in lines


def test_label_values_survive_the_way_through_the_text() -> None:
    registry = metrics.Registry()
    value = 'a"b\\c\nd,e}'
    registry.count("odd_total", q=value)
    line = next(line for line in registry.text().splitlines() if line.startswith("odd"))
    assert parse_line(line.rpartition(" ")[0]) == ("odd_total", {"q": value})


async def test_a_draining_server_answers_what_it_has_read_and_takes_nothing_new() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: wire.Request) -> wire.Reply:
        asked.set()
        await go_on.wait()
        return wire.Reply.of({"done": True})

    sock = wire.listen()
    url = f"http://{wire.address(sock)}/"
    server = await wire.Server(sock, slow).start()
    pending = asyncio.create_task(wire.Client().ask("GET", url))
    await asked.wait()
    draining = asyncio.create_task(server.drain())
    await asyncio.sleep(0)
    with pytest.raises(wire.WireError):
        await wire.Client().ask("GET", url)
    go_on.set()
    assert (await pending).json() == {"done": True}
    await draining


async def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    async def answer(_request: wire.Request) -> wire.Reply:
        return wire.Reply.of({})

    sock = wire.listen()
    second = sock.dup()
    client, url = wire.Client(), f"http://{wire.address(sock)}/"
    server = await wire.Server(sock, answer).start()
    assert (await client.ask("GET", url)).status == 200
    await server.drain()
    server = await wire.Server(second, answer).start()
    assert (await client.ask("GET", url)).status == 200
    await client.close()
    await server.drain()


def scraped() -> Api:
    scraper = Scraper({"a": "127.0.0.1:1"}, interval_s=1.0)
    for number in range(11):
        text = f'# HELP c_total Things.\n# TYPE c_total counter\nc_total{{route="/x"}} {number * 3}\nonce 1\n'
        scraper.take_in(scraper.targets[0], text, at_s=1000.0 + number)
    return Api(scraper)


async def asked(api: Api, path: str, **params: str) -> tuple[int, dict[str, object]]:
    reply = await api.answer(
        wire.Request("GET", path, tuple((name.replace("match", "match[]"), value) for name, value in params.items()))
    )
    return reply.status, json.loads(reply.body)


async def test_the_api_answers_as_prometheus_does() -> None:
    api = scraped()
    status, document = await asked(api, "/api/v1/query", query="rate(c_total[5s])", time="1010")
    labels = {"route": "/x", "job": "a", "instance": "127.0.0.1:1"}
    assert (status, document["status"]) == (200, "success")
    assert document["data"] == {"resultType": "vector", "result": [{"metric": labels, "value": [1010.0, "3"]}]}
    _, document = await asked(api, "/api/v1/query_range", query="c_total", start="1000", end="1004", step="2s")
    assert document["data"]["result"][0]["values"] == [[1000.0, "0"], [1002.0, "6"], [1004.0, "12"]]
    _, document = await asked(api, "/api/v1/label/__name__/values")
    assert document["data"] == ["c_total", "once"]
    _, document = await asked(api, "/api/v1/series", match='{__name__="once"}')
    assert document["data"] == [{"__name__": "once", "job": "a", "instance": "127.0.0.1:1"}]
    _, document = await asked(api, "/api/v1/labels")
    assert document["data"] == ["__name__", "instance", "job", "route"]
    _, document = await asked(api, "/api/v1/metadata")
    assert document["data"] == {"c_total": [{"type": "counter", "help": "Things.", "unit": ""}]}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/v1/query", {"query": "sum("}),
        ("/api/v1/query", {"query": "up", "time": "yesterday"}),
        ("/api/v1/query_range", {"query": "up", "start": "1", "end": "2", "step": "0"}),
        ("/api/v1/query_range", {"query": "up", "start": "2", "end": "1", "step": "1"}),
        ("/api/v1/query_range", {"query": "up", "start": "0", "end": "20000", "step": "1"}),
        ("/api/v1/query_range", {"query": "up[5s]", "start": "1", "end": "2", "step": "1"}),
        ("/api/v1/series", {}),
    ],
)
async def test_a_bad_question_is_bad_data(path: str, params: dict[str, str]) -> None:
    status, document = await asked(scraped(), path, **params)
    assert (status, document["errorType"]) == (400, "bad_data")


async def test_a_failed_scrape_ends_the_series() -> None:
    api = scraped()
    scraper = api._scraper
    scraper.take_in(scraper.targets[0], None, at_s=1011.0)
    _, document = await asked(api, "/api/v1/query", query="once", time="1012")
    assert document["data"] == {"resultType": "vector", "result": []}
