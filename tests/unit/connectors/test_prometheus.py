from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from app.connectors.prometheus import (
    CONNECTOR,
    Prometheus,
    PrometheusSettings,
    Stretch,
    denominator,
    parse_answer,
    parse_matrix,
    parse_value,
    stretches,
)
from app.domain.errors import BadInput, Misconfigured, Rejected, Unreachable
from app.domain.incident import Alert, Scope
from app.domain.telemetry import MetricTable, NoData, SeriesName, Topology
from app.domain.window import Window

NO_ADDRESSES = ["http://[::1", "http://prom:99999", "http://prom:x", "http://[zz]/", "http://pr\nom", "http://\ud800", "http://p:0"]
SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "prometheus"
AT = datetime.fromtimestamp(1060, UTC)
SERIES = [
    {"__name__": "http_requests_total", "job": "pay", "route": "/a", "code": "200"},
    {"__name__": "http_requests_total", "job": "pay", "route": "/a", "code": "500"},
    {"__name__": "http_client_requests_total", "job": "shop", "upstream": "pay", "code": "200"},
    {"__name__": "memory_bytes", "job": "pay"},
]


def scope(start: float = 1000, end: float = 1060, reference: tuple[float, float] | None = None) -> Scope:
    return Scope(
        alert=Alert(fired_at=AT, summary="s"),
        window=Window.of_epoch(start, end),
        reference=Window.of_epoch(*reference) if reference else None,
    )


class Server:
    """Answers like the API, from a table of what each query gives; remembers what was asked."""

    def __init__(self, ranges: dict[str, list[dict[str, Any]]] | None = None, series: list[dict[str, str]] | None = None) -> None:
        self.asked: list[httpx2.Request] = []
        self.ranges = ranges or {}
        self.series = SERIES if series is None else series
        self.values: dict[str, str] = {}
        self.override: Callable[[httpx2.Request], httpx2.Response | None] = lambda _: None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        instead = self.override(request)
        if instead is not None:
            return instead
        path = request.url.path.rsplit("/", 1)[-1]
        fields = httpx2.QueryParams(request.content.decode()) if request.method == "POST" else request.url.params
        if path == "series":
            return self._ok(self.series)
        if path == "metadata":
            return self._ok({})
        if path == "query_range":
            return self._ok({"resultType": "matrix", "result": self.ranges.get(fields["query"], [])})
        value = self.values.get(fields["query"])
        return self._ok({"resultType": "vector", "result": [{"metric": {}, "value": [1060, value]}] if value else []})

    def _ok(self, data: object) -> httpx2.Response:
        return httpx2.Response(200, json={"status": "success", "data": data})

    def connect(self, **settings: Any) -> Prometheus:
        chosen = PrometheusSettings(url="http://prom:9090/base", step_s=15, **settings)
        return Prometheus(chosen, transport=httpx2.MockTransport(self))


def sampled(labels: dict[str, str], *values: tuple[float, str]) -> dict[str, Any]:
    return {"metric": labels, "values": [list(value) for value in values]}


RANGES = {
    "sum by (job, route, code) (rate(http_requests_total[60s]))": [
        sampled({"job": "pay", "route": "/a", "code": "200"}, (1000, "3"), (1015, "3")),
        sampled({"job": "pay", "route": "/a", "code": "500"}, (1015, "1")),
    ],
    "sum by (job, upstream, code) (rate(http_client_requests_total[60s]))": [
        sampled({"job": "shop", "upstream": "pay", "code": "200"}, (1000, "2"), (1015, "2"))
    ],
    "max by (job) (memory_bytes)": [sampled({"job": "pay"}, *((at, "7") for at in (1000, 1015, 1030, 1045)))],
}


async def test_series_become_rates_shares_and_gauges_of_entities() -> None:
    server = Server(RANGES)
    source = server.connect()
    table = await source.metrics(scope())
    assert isinstance(table, MetricTable)
    shown = dict(zip(map(str, table.names), table.values.T.tolist(), strict=True))
    nan = float("nan")
    np.testing.assert_array_equal(shown["pay|error_ratio"], [0, 0.25, nan, nan])
    np.testing.assert_array_equal(shown['pay|request_rate{route="/a"}'], [3, 4, nan, nan])
    np.testing.assert_array_equal(shown["shop>pay|request_rate"], [2, 2, nan, nan])
    np.testing.assert_array_equal(shown["pay|memory_bytes"], [7, 7, 7, 7])
    assert table.as_of_s == 1015, "rates ended there; a gauge's newest value may be carried forward"
    assert table.incident.all()
    assert table.truncated is None
    assert set(table.queries) == set(table.names)
    await source.close()


async def test_only_the_entities_asked_for_and_their_edges_are_answered() -> None:
    table = await Server(RANGES).connect().metrics(scope(), entities=["shop"])
    assert isinstance(table, MetricTable)
    assert {name.entity for name in table.names} == {"shop>pay"}


async def test_client_side_series_are_edges() -> None:
    assert await Server().connect().topology(scope()) == Topology("prometheus", (("shop", "pay"),))
    assert isinstance(await Server(series=SERIES[:2]).connect().topology(scope()), NoData)


async def test_a_server_without_series_of_services_is_no_data() -> None:
    answer = await Server(series=[]).connect().metrics(scope())
    assert isinstance(answer, NoData)
    assert "service, app, job" in answer.reason


async def test_a_share_is_zero_when_nothing_failed_and_unknown_when_nothing_came() -> None:
    server = Server()
    source = server.connect()
    query = 'sum by (job) (rate(x{job="a",code=~"5.."}[60s])) / sum by (job) (rate(x{job="a"}[60s]))'
    assert isinstance(await source.value(query, at=AT), NoData)
    server.values[denominator(query) or ""] = "4"
    assert await source.value(query, at=AT) == 0.0
    server.values[query] = "0.5"
    assert await source.value(query, at=AT) == 0.5
    server.values[query] = "NaN"
    del server.values[denominator(query) or ""]
    assert isinstance(await source.value(query, at=AT), NoData)


async def test_more_series_than_wanted_are_cut_and_said() -> None:
    table = await Server(RANGES).connect(max_series=2).metrics(scope())
    assert isinstance(table, MetricTable)
    assert len(table.names) == 2
    assert table.truncated is not None
    assert "beyond the first 2" in table.truncated


async def test_one_refused_metric_does_not_lose_the_others() -> None:
    server = Server(RANGES)
    refused = json.loads((SAMPLES / "query_refused.json").read_text())
    server.override = lambda request: httpx2.Response(400, json=refused) if "memory" in str(request.url) else None
    table = await server.connect().metrics(scope())
    assert isinstance(table, MetricTable)
    assert SeriesName("pay", "memory_bytes") not in table.names
    assert table.truncated is not None
    assert "1 of 3 metrics were not answered" in table.truncated


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (httpx2.Response(302, headers={"location": "http://elsewhere/"}), Rejected, "redirected"),
        (httpx2.Response(401), Rejected, "check the token"),
        (httpx2.Response(503, text="starting"), Unreachable, "answered 503"),
        (httpx2.Response(200, text="<html>"), BadInput, "is this a Prometheus"),
        (httpx2.Response(200, json=[1]), BadInput, "is this a Prometheus"),
        (httpx2.Response(422, json={"status": "error", "errorType": "execution", "error": "too many"}), Rejected, "too many"),
    ],
)
async def test_an_answer_that_is_none_is_an_error_that_says_what_to_do(
    answer: httpx2.Response, error: type[Exception], told: str
) -> None:
    server = Server()
    server.override = lambda _: answer
    source = server.connect()
    with pytest.raises(error, match=told):
        await source.metrics(scope())
    health = await source.check()
    assert not health.ok


async def test_a_dead_address_is_unreachable_and_named() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    source = Prometheus(PrometheusSettings(url="http://prom:9090"), transport=httpx2.MockTransport(refuse))
    with pytest.raises(Unreachable, match="http://prom:9090"):
        await source.value("up", at=AT)


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.connectors.prometheus.MAX_BYTES", 1000)
    server = Server(series=SERIES * 100)
    with pytest.raises(Rejected, match="larger than"):
        await server.connect().metrics(scope())


async def test_only_reading_endpoints_of_the_configured_address_are_asked_with_the_token() -> None:
    server = Server(RANGES)
    source = server.connect(token="t0ken-value")
    await source.metrics(scope(reference=(900, 960)))
    await source.value("x" * 3000, at=AT)
    assert {request.url.host for request in server.asked} == {"prom"}
    assert {request.url.path for request in server.asked} == {
        f"/base/api/v1/{name}" for name in ("series", "metadata", "query_range", "query")
    }
    assert {request.headers["authorization"] for request in server.asked} == {"Bearer t0ken-value"}
    assert server.asked[-1].method == "POST"
    assert "t0ken-value" not in repr(source.__dict__["_settings"])


async def test_labels_every_series_must_have_are_in_every_query() -> None:
    server = Server()
    await server.connect(only={"cluster": 'eu"1'}).metrics(scope())
    asked = [request.url.params for request in server.asked if request.url.path.endswith(("series", "query_range"))]
    assert all('cluster="eu\\"1"' in text for fields in asked for name in ("match[]", "query") for text in fields.get_list(name))


def test_two_stretches_have_their_own_steps_and_no_moment_twice() -> None:
    found = stretches(scope(start=0, end=3600, reference=(-86_400, 1800)), step_s=15, max_points=100)
    assert [grid.incident for grid in found] == [False, True]
    assert [grid.count <= 100 for grid in found] == [True, True]
    overlapping = stretches(scope(start=0, end=3600, reference=(0, 1800)), step_s=15, max_points=400)
    assert overlapping[0].end < overlapping[1].start == 1800


def test_a_range_answer_lands_on_its_grid_without_infinities() -> None:
    grid = Stretch(start=1000, step=15, count=3, incident=True)
    data = parse_answer((SAMPLES / "query_range.json").read_bytes(), what="q")
    frame = parse_matrix(data, by=("job", "code"), stretch=grid, what="q")
    assert frame.keys == (("pay", "200"),), "a series of no service is nobody's"
    np.testing.assert_array_equal(frame.values[:, 0], [1.5, np.nan, np.nan])


def test_a_refusal_carries_the_servers_reason() -> None:
    with pytest.raises(Rejected, match="unexpected end of input"):
        parse_answer((SAMPLES / "query_refused.json").read_bytes(), what="q")


def test_a_value_of_several_series_is_refused() -> None:
    several = {"resultType": "vector", "result": [{"value": [1, "1"]}, {"value": [1, "2"]}]}
    with pytest.raises(Rejected, match="2 series"):
        parse_value(several, what="q")
    assert parse_value({"resultType": "scalar", "result": [1, "3"]}, what="q") == 3.0


@pytest.mark.parametrize("time", ["1" + "0" * 400, "1" * 5000, "1e400", "NaN"])
async def test_a_value_at_no_time_costs_no_other_series_and_is_counted(time: str) -> None:
    rows = f'{{"metric": {{"job": "pay"}}, "values": [[1000, "7"]]}}, {{"metric": {{"job": "shop"}}, "values": [[{time}, "1"]]}}'
    server = Server(series=[{"__name__": "memory_bytes", "job": job} for job in ("pay", "shop")])
    body = f'{{"status": "success", "data": {{"resultType": "matrix", "result": [{rows}]}}}}'
    server.override = lambda request: httpx2.Response(200, text=body) if "query_range" in str(request.url) else None
    table = await server.connect().metrics(scope())
    assert isinstance(table, MetricTable)
    assert table.names == (SeriesName("pay", "memory_bytes"),)
    assert table.truncated == "1 row of the answers could not be read"


async def test_what_could_not_be_read_is_said_where_nothing_else_was_found() -> None:
    server = Server(series=[{"__name__": "memory_bytes", "job": "pay"}, "no labels"])
    server.ranges = {"max by (job) (memory_bytes)": [{"metric": None}, {"values": []}]}
    answer = await server.connect().metrics(scope())
    assert isinstance(answer, NoData)
    assert answer.reason.endswith("; 1 series could not be read; 2 rows of the answers could not be read")


@pytest.mark.parametrize("url", ["ftp://x", "prom:9090", "http://", "http://user@prom", "http://prom?x=1", *NO_ADDRESSES])
def test_an_address_that_is_none_is_named_at_start(url: str) -> None:
    with pytest.raises(Misconfigured, match="FIRSTMATE_PROMETHEUS_URL"):
        CONNECTOR.open(PrometheusSettings(url=url))
