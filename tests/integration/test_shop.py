"""The shop as it really runs: processes, faults, repairs, its end; and its evaluator beside the real Prometheus."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.demo import intake as intakes

PATIENCE_S = 90.0


def ask(url: str, body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def until(holds: Callable[[], Any], what: str) -> Any:
    given_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < given_up:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"in vain: {what}")


class Shop:
    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder = process, folder
        self.events: list[dict[str, Any]] = []
        self.intake: intakes.Intake | None = None
        self.everyone: list[int] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def event(self, name: str, **having: object) -> dict[str, Any]:
        """The first event so named, past or to come."""

        def found() -> dict[str, Any] | None:
            while not self._lines.empty():
                self.events.append(json.loads(self._lines.get()))
            matching = (e for e in self.events if e["event"] == name and all(e.get(k) == v for k, v in having.items()))
            return next(matching, None)

        return dict(until(found, f"an event {name} {having}; there were {self.events}"))

    def control(self, path: str, body: object = None) -> tuple[int, Any]:
        return ask(self.event("ready")["control"] + path, body)

    def query(self, query: str) -> list[dict[str, Any]]:
        status, document = ask(self.event("ready")["prometheus"] + "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        assert status == 200, document
        return list(document["data"]["result"])

    def logged(self, service: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "logs" / f"{service}.jsonl").read_text().splitlines()]

    def processes(self) -> dict[str, int]:
        return dict(self.event("ready")["processes"])

    def alive(self) -> list[int]:
        """Those known by `know_everyone` that still run."""
        return [pid for pid in self.everyone if _runs(pid)]

    def know_everyone(self) -> None:
        self.everyone = [self.process.pid, *_children(self.process.pid)]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


@contextmanager
def running(folder: Path, intake: str, *arguments: str) -> Iterator[Shop]:
    command = [sys.executable, "-m", "app.demo", "--dir", str(folder), "--intake", intake, "--token", "demo-token", *arguments]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Shop(process, folder)
        finally:
            process.terminate()
            process.wait(timeout=20)


def undo(shop: Shop, intake: intakes.Intake, truth: dict[str, Any]) -> tuple[int, Any]:
    if truth["change_id"] is None:
        return shop.control(f"/flags/{truth['flag']}", {"to": "off", "expected": "on", "idempotency_key": "undo"})
    guilty = next(change for change in intake.changes if change["id"] == truth["change_id"])
    _, now = shop.control(f"/services/{guilty['service']}")
    body = {"to_version": guilty["previous_version"], "expected_version": now["version"], "idempotency_key": "undo"}
    return shop.control(f"/services/{guilty['service']}/rollout", body)


# The others run in test_demo, through the product; all of them here with FIRSTMATE_DRILLS=full.
ALL = ["pool", "n-plus-one", "leak", "route-crash", "upstream-outage", "timeout-cut"]
FAULTS = ALL if os.environ.get("FIRSTMATE_DRILLS") == "full" else ["pool", "upstream-outage"]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_degrades_the_shop_until_it_is_undone(fault: str, tmp_path: Path) -> None:
    arguments = ["--fault", fault, "--seed", "7", "--baseline", "6"]
    if fault in ("pool", "upstream-outage"):
        arguments += [
            "--shuffle-deploys",
            "--rename",
            "storefront=window",
            "payments=till",
            "recommender=muse",
            "personal-picks=taste",
        ]
    with intakes.running() as intake, running(tmp_path, intake.url, *arguments) as shop:
        shop.event("baseline-done")
        assert shop.control("/truth")[1]["recovered"]
        entry = shop.event("ready")["entry_point"]
        shop.event("alert", status="firing")
        alert = until(lambda: intake.alerts, "the alert at the intake")[0]
        assert (alert["version"], alert["status"]) == ("4", "firing")
        assert {a["labels"]["service"] for a in alert["alerts"]} == {entry}

        truth = until(lambda: _complete(shop, intake), "all changes at the intake")
        assert not truth["recovered"]
        posted = [change["id"] for change in intake.changes]
        if truth["change_id"] is not None:
            following = posted[posted.index(truth["change_id"]) + 1 :]
            assert set(following) & set(truth["bait_change_ids"]), "nothing innocent came after the guilty deploy"
            assert next(c for c in intake.changes if c["id"] == truth["change_id"])["diff"].count("@@") >= 2

        status, answer = undo(shop, intake, truth)
        assert status == 200
        assert undo_again(shop, truth, answer) == answer
        until(lambda: shop.control("/truth")[1]["recovered"], "recovery")
        shop.event("alert", status="resolved")
        assert until(lambda: [c for c in intake.changes if c["author"] == "operator"], "the undo as a change of its own")


def _complete(shop: Shop, intake: intakes.Intake) -> dict[str, Any] | None:
    """The truth, once every planned change has been made and has arrived."""
    truth: dict[str, Any] = shop.control("/truth")[1]
    made = {*truth["bait_change_ids"], *([truth["change_id"]] if truth["change_id"] else [])}
    wanted = 6 + (truth["flag"] is None)
    return truth if len(made) == wanted and made <= {change["id"] for change in intake.changes} else None


def undo_again(shop: Shop, truth: dict[str, Any], answer: Any) -> Any:
    """The answer to the same request under the same key."""
    if truth["change_id"] is None:
        return shop.control(f"/flags/{truth['flag']}", {"to": "off", "expected": "on", "idempotency_key": "undo"})[1]
    body = {"to_version": answer["version"], "expected_version": answer["previous_version"], "idempotency_key": "undo"}
    return shop.control(f"/services/{truth['service']}/rollout", body)[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop in its baseline, for the tests that need no fault."""
    with intakes.running(refuse=2) as intake, running(tmp_path_factory.mktemp("shop"), intake.url) as shop:
        shop.intake = intake
        shop.event("load")
        yield shop


def test_the_first_line_comes_before_anything_is_started(shop: Shop) -> None:
    shop.event("ready")
    assert shop.events[0]["event"] == "starting"
    assert shop.events[1]["event"] == "ready"


def test_services_tell_their_numbers_and_write_their_logs(shop: Shop) -> None:
    until(lambda: len(shop.query("sum by (job) (rate(http_requests_total[5s])) > 0")) == 5, "traffic on all five services")
    edges = {(s["metric"]["job"], s["metric"]["upstream"]) for s in shop.query("http_client_requests_total")}
    assert {("storefront", "catalogue"), ("checkout", "payments"), ("checkout", "cart"), ("cart", "catalogue")} <= edges
    assert ("catalogue", "recommender") in edges
    until(lambda: [line for line in shop.logged("storefront") if "user_agent" in line], "a request line")
    traces = [line["trace"] for line in shop.logged("storefront") if "trace" in line]
    assert {len(trace) for trace in traces} == {32}


def test_a_rollout_drops_no_request_and_is_recorded(shop: Shop) -> None:
    _, before = shop.control("/services/catalogue")
    body = {"to_version": before["version"], "expected_version": before["version"]}
    for number in range(3):
        status, _ = shop.control("/services/catalogue/rollout", {**body, "idempotency_key": f"again-{number}"})
        assert status == 200
    _, truth = shop.control("/truth")
    assert truth["seen"]["error_ratio"] == 0
    assert shop.intake is not None
    intake = shop.intake
    until(
        lambda: [c for c in intake.changes if c["title"].startswith("Roll catalogue")],
        "the rollout at an intake that first refused",
    )


def test_the_deploy_tool_refuses_what_is_not_as_expected(shop: Shop) -> None:
    _, now = shop.control("/services/cart")
    path, good = "/services/cart/rollout", {"to_version": now["version"], "expected_version": now["version"]}
    assert shop.control(path, {**good, "expected_version": "0.0.0", "idempotency_key": "a"})[0] == 409
    assert shop.control(path, {**good, "to_version": "9.9.9", "idempotency_key": "b"})[0] == 404
    assert shop.control(path, good)[0] == 400
    assert shop.control(path, {**good, "idempotency_key": "a"})[0] == 409
    assert shop.control("/services/nobody")[0] == 404
    assert shop.control("/flags/nothing")[0] == 404
    assert shop.control("/flags/delivery-banner", {"to": "off", "expected": "on", "idempotency_key": "c"})[0] == 409
    assert shop.control("/flags/delivery-banner", {"to": "maybe", "expected": "off", "idempotency_key": "d"})[0] == 400
    assert shop.control("/services/cart")[1]["version"] == now["version"]


def test_everything_together_stays_small(shop: Shop) -> None:
    shop.know_everyone()
    resident = {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") for pid in shop.everyone}
    assert sum(resident.values()) < 220e6


@pytest.fixture(scope="module")
def prometheus(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("the real Prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    jobs = "".join(
        f"  - {{job_name: {job}, static_configs: [{{targets: ['{address}']}}]}}\n"
        for job, address in shop.event("ready")["addresses"].items()
        if job != "recommender"
    )
    (folder / "prometheus.yml").write_text(f"global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n{jobs}")
    command = [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command) as process:
        url = f"http://127.0.0.1:{port}"

        def enough() -> bool:
            try:
                query = urllib.parse.urlencode({"query": "count(min by (job) (count_over_time(up[30s])) >= 14)"})
                document = ask(f"{url}/api/v1/query?{query}")[1]
            except (OSError, ValueError):
                return False
            return bool(document["data"]["result"]) and document["data"]["result"][0]["value"][1] == "5"

        try:
            until(enough, "seven seconds of samples in the real Prometheus")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


RATES = 'sum by (job, route) (rate(http_requests_total{job=~"storefront|catalogue"}[5s]))'
COMPARED = [
    (RATES, 0.25, 0.6),
    (f"{RATES} / {RATES}", 0.01, 0.0),
    (f'(sum by (job, route) (rate(http_requests_total{{code=~"5.."}}[5s])) or 0 * {RATES}) / {RATES}', 0.01, 0.02),
    ("histogram_quantile(0.95, sum by (job, le) (rate(http_request_duration_seconds_bucket[5s])))", 0.35, 0.02),
    ('{__name__=~"db_pool_size|process_memory_limit_bytes"}', 0.0, 0.0),
    ("max_over_time(db_pool_size[5s]) - min_over_time(db_pool_size[5s])", 0.0, 0.0),
    ("sum without (instance) (increase(queries_total[5s]))", 0.25, 6.0),
    ("process_resident_memory_bytes / on (job, instance) process_memory_limit_bytes > 0.1", 0.2, 0.0),
    ("clamp_min(db_pool_size offset 2s, 10)", 0.0, 0.0),
    ('count by (job) (http_request_duration_seconds_bucket{le!="+Inf"})', 0.0, 0.0),
    ('absent(up{job="nobody"})', 0.0, 0.0),
    ("2 ^ 3 ^ 2 - 1 % 3", 0.0, 0.0),
]


@pytest.mark.parametrize(("query", "relative", "absolute"), COMPARED)
def test_the_evaluator_agrees_with_the_real_prometheus(
    shop: Shop, prometheus: str, query: str, relative: float, absolute: float
) -> None:
    at = time.time() - 1.0
    asked = urllib.parse.urlencode({"query": query, "time": f"{at:.3f}"})
    ours, theirs = (ask(f"{base}/api/v1/query?{asked}")[1]["data"] for base in (shop.event("ready")["prometheus"], prometheus))
    assert ours["resultType"] == theirs["resultType"]
    if ours["resultType"] == "scalar":
        assert ours["result"][1] == theirs["result"][1]
        return
    ours, theirs = ({tuple(sorted(s["metric"].items())): float(s["value"][1]) for s in data["result"]} for data in (ours, theirs))
    assert set(ours) == set(theirs)
    assert ours == {key: pytest.approx(value, rel=relative, abs=absolute, nan_ok=True) for key, value in theirs.items()}


def test_bad_queries_are_refused_by_both(shop: Shop, prometheus: str) -> None:
    for query in ("sum(", "rate(up)", 'up{a=~"("}', "1 > 2", "nonsense(up)"):
        for base in (shop.event("ready")["prometheus"], prometheus):
            status, document = ask(f"{base}/api/v1/query?" + urllib.parse.urlencode({"query": query}))
            assert (status, document["errorType"]) == (400, "bad_data"), query


def test_a_killed_scraper_is_gone_and_the_shop_goes_on(tmp_path: Path) -> None:
    with intakes.running() as intake, running(tmp_path, intake.url) as shop:
        url = shop.event("ready")["prometheus"]
        assert shop.control("/scraper/kill", {})[1] == {"killed": True}
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/-/ready", timeout=5)
        assert shop.control("/services/cart")[0] == 200


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see the processes")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_shop(how: signal.Signals, tmp_path: Path) -> None:
    with intakes.running() as intake, running(tmp_path, intake.url) as shop:
        shop.event("ready")
        shop.know_everyone()
        assert len(shop.alive()) == 9
        shop.process.send_signal(how)
        until(lambda: not shop.alive(), f"the end of all after {how!r}")
        assert shop.process.wait(timeout=5) == (-9 if how == signal.SIGKILL else 0)


def test_a_service_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    with intakes.running() as intake, running(tmp_path, intake.url) as shop:
        os.kill(shop.processes()["cart"], signal.SIGKILL)
        assert shop.event("restarted")["service"] == "cart"


def test_faults_are_listed_by_name() -> None:
    root = Path(__file__).resolve().parents[2]
    listed = subprocess.run([sys.executable, "-m", "app.demo", "--list"], cwd=root, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ALL
