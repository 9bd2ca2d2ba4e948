"""Against a real Prometheus that scrapes a small exporter for some seconds."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import numpy as np
import pytest

from app.connectors.prometheus import CONNECTOR, Prometheus, PrometheusSettings
from app.domain.errors import Rejected, Unreachable
from app.domain.incident import Alert, Scope
from app.domain.telemetry import MetricTable, NoData, SeriesName, Topology
from app.domain.window import Window

BINARY = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(BINARY is None, reason="there is no prometheus program here")
SCRAPED_S = 14.0


def exposition(elapsed_s: float) -> str:
    """100 requests a second, a tenth of those to /pay failing; 50 ms mean; a call to `pay`; a pool of 4; a weird route."""
    n = int(elapsed_s * 50)
    bad = n // 10
    return (
        "# TYPE http_requests_total counter\n"
        f'http_requests_total{{route="/pay",code="200"}} {n - bad}\n'
        f'http_requests_total{{route="/pay",code="503"}} {bad}\n'
        f'http_requests_total{{route="/cart\\"\\\\x",code="200"}} {n}\n'
        "# TYPE http_request_duration_seconds histogram\n"
        f'http_request_duration_seconds_bucket{{route="/pay",le="0.1"}} {n}\n'
        f'http_request_duration_seconds_bucket{{route="/pay",le="+Inf"}} {n}\n'
        f'http_request_duration_seconds_sum{{route="/pay"}} {n * 0.05}\n'
        f'http_request_duration_seconds_count{{route="/pay"}} {n}\n'
        "# TYPE http_client_requests_total counter\n"
        f'http_client_requests_total{{upstream="pay:80",code="200"}} {n}\n'
        "# TYPE pool_in_use gauge\npool_in_use 4\n# TYPE ratio gauge\nratio NaN\n"
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has scraped two jobs, `shop` and `pay`, for some seconds."""
    began = time.monotonic()

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exposition(time.monotonic() - began).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    exporter = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("prometheus")
    jobs = "".join(
        f'- job_name: {job}\n  static_configs: [{{targets: ["127.0.0.1:{exporter.server_port}"]}}]\n' for job in ("shop", "pay")
    )
    (folder / "prometheus.yml").write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}")
    assert BINARY is not None
    command = [
        BINARY,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={listen}",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _wait_ready(f"http://{listen}", server, folder / "log")
            time.sleep(SCRAPED_S)
            yield f"http://{listen}"
        finally:
            server.terminate()
            server.wait(timeout=20)
            exporter.shutdown()
            exporter.server_close()


def _wait_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx2.get(f"{url}/-/ready", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


def connect(address: str) -> Prometheus:
    return CONNECTOR.open(PrometheusSettings(url=address, step_s=1, rate_window_s=5))


def last_seconds() -> Scope:
    now = datetime.now(UTC)
    middle = now - timedelta(seconds=4)
    return Scope(
        alert=Alert(fired_at=now, summary="s"),
        window=Window(start=middle, end=now),
        reference=Window(start=middle - timedelta(seconds=4), end=middle),
    )


async def test_what_was_scraped_is_told_by_entity_and_repeated_by_its_query(address: str) -> None:
    source = connect(address)
    scope = last_seconds()
    table = await source.metrics(scope)
    assert isinstance(table, MetricTable)
    last = {str(name): column[~np.isnan(column)][-1] for name, column in zip(table.names, table.values.T, strict=True)}
    assert last["shop|error_ratio"] == pytest.approx(0.05, abs=0.02)
    assert last['pay|error_ratio{route="/pay"}'] == pytest.approx(0.1, abs=0.04)
    assert last['pay|error_ratio{route="/cart\\"\\\\x"}'] == 0
    assert last["pay|request_rate"] == pytest.approx(100, rel=0.2)
    assert last["pay|latency_mean_s"] == pytest.approx(0.05, rel=0.01)
    assert 0 < last["pay|latency_p95_s"] <= 0.1
    assert last["shop>pay|request_rate"] == pytest.approx(50, rel=0.2)
    assert last["pay|pool_in_use"] == 4
    assert last["pay|up"] == 1
    assert "pay|ratio" not in last
    assert table.truncated is None
    assert {bool(flag) for flag in table.incident} == {True, False}
    for name in table.names:
        value = await source.value(table.query(name), at=scope.window.end)
        assert not isinstance(value, NoData), table.query(name)
        if name in (SeriesName("pay", "error_ratio"), SeriesName("pay", "latency_mean_s")):
            assert value == pytest.approx(last[str(name)], rel=0.3)
    await source.close()


async def test_edges_are_those_the_callers_count(address: str) -> None:
    source = connect(address)
    assert await source.topology(last_seconds()) == Topology("prometheus", (("pay", "pay"), ("shop", "pay")))
    assert (await source.check()).ok
    await source.close()


async def test_asking_for_an_entity_gives_it_and_what_touches_it(address: str) -> None:
    source = connect(address)
    table = await source.metrics(last_seconds(), entities=["shop"])
    assert isinstance(table, MetricTable)
    assert {name.entity for name in table.names} == {"shop", "shop>pay"}
    await source.close()


async def test_a_time_before_everything_is_no_data(address: str) -> None:
    source = connect(address)
    past = Scope(alert=Alert(fired_at=datetime.now(UTC), summary="s"), window=Window.of_epoch(1000, 1100))
    assert isinstance(await source.metrics(past), NoData)
    assert isinstance(await source.value("up", at=datetime.fromtimestamp(1000, UTC)), NoData)
    await source.close()


async def test_a_query_it_cannot_read_is_refused_with_its_reason(address: str) -> None:
    source = connect(address)
    with pytest.raises(Rejected, match="parse error"):
        await source.value("sum by (", at=datetime.now(UTC))
    with pytest.raises(Rejected, match="2 series"):
        await source.value("up", at=datetime.now(UTC))
    await source.close()


async def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    source = connect(address)
    with pytest.raises(Unreachable, match="is it running"):
        await asyncio.wait_for(source.metrics(last_seconds()), timeout=30)
    await source.close()
