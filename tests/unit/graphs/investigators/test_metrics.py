"""A small shop's incidents, as its monitoring would show them: a quiet quarter of a minute, then the fault."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from app.connectors.case import open_case
from app.domain.errors import Unreachable
from app.domain.finding import Finding
from app.domain.incident import Alert, Scope
from app.domain.telemetry import SPAN_SCHEMA, MetricTable, NoData, SeriesName, SpanTable, StatusTable, Topology
from app.domain.window import Window
from graphs.contract import Question, Report, Sources, View
from graphs.investigators.metrics import INVESTIGATOR

START, ONSET, END = 1_700_000_000.0, 1_700_000_015.0, 1_700_000_033.0
CASES = pathlib.Path(__file__).resolve().parents[4] / ".." / "shared" / "cases"
SERVICES = ("web", "orders", "stock", "pay", "mail")
EDGES = (("web", "orders"), ("web", "stock"), ("orders", "stock"), ("orders", "pay"), ("orders", "mail"), ("pay", "bank"))

Column = np.ndarray
Shop = dict[tuple[str, str], Column]


def times() -> Column:
    return np.arange(START, END, 1.0)


def after() -> Column:
    return times() >= ONSET


def shop(seed: int) -> Shop:
    noise = np.random.default_rng(seed)
    n = len(times())
    base = {"web": 0.08, "orders": 0.05, "stock": 0.008, "pay": 0.02, "mail": 0.004}
    out: Shop = {}
    for name in SERVICES:
        out[name, "latency_mean_s"] = base[name] * noise.lognormal(0, 0.12, n)
        out[name, "latency_p95_s"] = 2.2 * base[name] * noise.lognormal(0, 0.25, n)
        out[name, "request_rate"] = 12 * noise.lognormal(0, 0.15, n)
        out[name, "error_ratio"] = np.where(noise.random(n) < 0.1, 0.03, 0.0)
        out[name, 'error_ratio{route="GET /"}'] = np.where(noise.random(n) < 0.1, 0.03, 0.0)
        out[name, 'latency_p95_s{route="GET /"}'] = 2.2 * base[name] * noise.lognormal(0, 0.3, n)
        out[name, "process_resident_memory_bytes"] = 4e7 * (1 + 0.002 * noise.standard_normal(n))
        out[name, "process_cpu_ratio"] = 0.1 * noise.lognormal(0, 0.2, n)
    for caller, callee in EDGES:
        out[f"{caller}>{callee}", "latency_mean_s"] = (base.get(callee, 0.015) + 0.002) * noise.lognormal(0, 0.15, n)
        out[f"{caller}>{callee}", "error_ratio"] = np.zeros(n)
        out[f"{caller}>{callee}", "request_rate"] = 12 * noise.lognormal(0, 0.15, n)
    out["orders", "db_pool_wait_seconds_mean"] = 0.0005 * noise.lognormal(0, 0.3, n)
    out["orders", "db_pool_in_use"] = noise.integers(1, 4, n).astype(float)
    out["orders", "db_pool_size"] = np.full(n, 10.0)
    return out


def slow(out: Shop, entity: str, extra_s: float) -> None:
    for metric in ("latency_mean_s", "latency_p95_s", 'latency_p95_s{route="GET /"}'):
        if (entity, metric) in out:
            out[entity, metric] = out[entity, metric] + after() * extra_s * (1.0 if "mean" in metric else 1.6)


def small_pool(out: Shop) -> str:
    late = after()
    out["orders", "db_pool_size"] = np.where(late, 2.0, 10.0)
    out["orders", "db_pool_in_use"] = np.where(late, 2.0, out["orders", "db_pool_in_use"])
    out["orders", "db_pool_wait_seconds_mean"] = out["orders", "db_pool_wait_seconds_mean"] + late * 0.4
    for entity in ("orders", "web>orders", "web"):
        slow(out, entity, 0.45)
    return "orders"


def many_calls(out: Shop) -> str:
    late = after()
    for entity in ("stock", "orders>stock"):
        out[entity, "request_rate"] = out[entity, "request_rate"] * np.where(late, 9.0, 1.0)
    for entity in ("orders", "web>orders", "web"):
        slow(out, entity, 0.12)
    return "orders"


def leak(out: Shop) -> str:
    t = times() - START
    out["stock", "process_resident_memory_bytes"] = out["stock", "process_resident_memory_bytes"] * (
        1 + 0.05 * np.maximum(t - 8, 0)
    )
    return "stock"


def crash_on_one_route(out: Shop) -> str:
    n = len(times())
    out["pay", 'error_ratio{route="POST /card"}'] = np.where(after(), 0.9, 0.0)
    out["pay", "error_ratio"] = out["pay", "error_ratio"] + after() * 0.06
    out["pay", 'error_ratio{route="GET /status"}'] = np.zeros(n)
    out["orders", 'error_ratio{route="POST /order"}'] = np.where(after(), 0.8, 0.0)
    out["orders>pay", "error_ratio"] = out["orders>pay", "error_ratio"] + after() * 0.06
    return "pay"


def bank_is_down(out: Shop) -> str:
    late = after()
    out["pay>bank", "error_ratio"] = np.where(late, 0.7, 0.0)
    slow(out, "pay>bank", 2.0)
    for entity in ("pay", "orders>pay", "orders", "web>orders", "web"):
        slow(out, entity, 2.0)
        out[entity, "error_ratio"] = out[entity, "error_ratio"] + late * 0.6
    return "bank"


def rush(out: Shop) -> str:
    late = after()
    for key in out:
        if key[1] == "request_rate":
            out[key] = out[key] * np.where(late, 3.0, 1.0)
        if key[1] == "process_cpu_ratio":
            out[key] = np.minimum(out[key] * np.where(late, 2.8, 1.0), 1.0)
        if "latency" in key[1] and ">" not in key[0]:
            out[key] = out[key] * np.where(late, 1.5, 1.0)
    return "web"


def table(columns: Shop, *, reference: bool = True) -> MetricTable:
    names = tuple(SeriesName(*key) for key in columns)
    incident = after() if reference else np.ones(len(times()), np.bool_)
    return MetricTable("shop", END, times(), incident, names, np.column_stack(list(columns.values())))


class Telemetry:
    """Answers with what it was given."""

    name = "shop"

    def __init__(
        self, metrics: MetricTable | None = None, spans: pl.DataFrame | None = None, edges: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._metrics, self._spans, self._edges = metrics, spans, tuple(edges)

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        return self._metrics or NoData("shop", "all", "nothing was recorded")

    async def value(self, query: str, *, at: datetime) -> float | NoData:
        return NoData("shop", query, "not asked here")

    async def spans(self, scope: Scope) -> SpanTable | NoData:
        return SpanTable("shop", END, self._spans, "spans") if self._spans is not None else NoData("shop", "spans", "none")

    async def topology(self, scope: Scope) -> Topology | NoData:
        return Topology("shop", self._edges) if self._edges else NoData("shop", "topology", "none")


class Down(Telemetry):
    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        raise Unreachable("the monitoring did not answer within 5 s")


def utc(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def scope(*, onset: float | None = ONSET, candidates: tuple[str, ...] = (), service: str | None = "web") -> Scope:
    return Scope(
        alert=Alert(fired_at=utc(END), summary="slow or failing", service=service),
        window=Window.of_epoch(START, END),
        onset=None if onset is None else utc(onset),
        candidates=candidates,
    )


async def ask(
    source: Telemetry, asked: Scope | None = None, entities: tuple[str, ...] = (), beside: tuple[Telemetry, ...] = ()
) -> Report:
    async def say(text: str) -> None:
        assert text

    sources = Sources(metrics=(source,), spans=(source, *beside), topology=(source,))
    question = Question(investigator="metrics", text="what moved?", entities=entities)
    return await INVESTIGATOR.investigate(question, View(scope=asked or scope(), sources=sources, say=say))


FAULTS: dict[str, tuple[Callable[[Shop], str], set[str], bool]] = {
    "a shrunk pool": (small_pool, {"connection_pool"}, False),
    "a call per row": (many_calls, {"extra_calls", "latency"}, False),
    "a leak": (leak, {"memory_leak"}, False),
    "a crash on one route": (crash_on_one_route, {"errors"}, False),
    "an outage of somebody else": (bank_is_down, {"upstream"}, True),
    "a rush of users": (rush, {"traffic_surge"}, True),
}


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("seed", range(4))
async def test_names_the_faulty_service_and_the_kind_of_fault_from_half_a_minute(fault: str, seed: int) -> None:
    inject, kinds, no_change = FAULTS[fault]
    columns = shop(seed)
    culprit = inject(columns)
    report = await ask(Telemetry(table(columns)))
    top = report.suspicions[0]
    assert (top.target, top.no_change) == (culprit, no_change)
    assert top.kind in kinds
    assert top.weight > 1.5


@pytest.mark.parametrize("seed", range(6))
async def test_suspects_nobody_strongly_when_nothing_happened(seed: int) -> None:
    report = await ask(Telemetry(table(shop(seed))))
    assert max((one.weight for one in report.suspicions), default=0.0) < 1.5


@pytest.mark.parametrize(("busier", "kind"), [(1.0, "delay"), (5.0, "cpu"), (1.6, "latency")])
async def test_tells_waiting_from_work_by_what_the_processors_do(busier: float, kind: str) -> None:
    columns = shop(1)
    slow(columns, "stock", 0.4)
    columns["stock", "process_cpu_ratio"] = columns["stock", "process_cpu_ratio"] * np.where(after(), busier, 1.0)
    report = await ask(Telemetry(table(columns)))
    assert (report.suspicions[0].target, report.suspicions[0].kind) == ("stock", kind)


async def test_finds_the_onset_itself_where_none_is_given() -> None:
    columns = shop(1)
    small_pool(columns)
    report = await ask(Telemetry(table(columns, reference=False)), scope(onset=None))
    assert report.onset is not None
    assert abs(report.onset.timestamp() - ONSET) <= 2
    assert report.suspicions[0].target == "orders"


async def test_an_outage_of_somebody_who_cannot_be_named_is_told_of_the_caller() -> None:
    columns = shop(2)
    bank_is_down(columns)
    report = await ask(Telemetry(table(columns)), scope(candidates=tuple(f"app/{name}" for name in SERVICES), service="app/web"))
    top = report.suspicions[0]
    assert (top.target, top.kind, top.no_change) == ("app/pay", "upstream", True)


async def test_shows_the_failing_route_behind_a_healthy_average() -> None:
    columns = shop(3)
    crash_on_one_route(columns)
    report = await ask(Telemetry(table(columns)))
    shown = [finding.statement for finding in report.findings]
    assert any("pay" in text and "POST /card" in text and "to 90%" in text for text in shown)


async def test_every_suspicion_rests_on_findings_of_the_report_and_every_finding_can_be_repeated() -> None:
    columns = shop(0)
    small_pool(columns)
    report = await ask(Telemetry(table(columns)))
    known = {finding.id for finding in report.findings}
    assert all(one.findings and set(one.findings) <= known for one in report.suspicions)
    assert len(report.suspicions) <= 12
    assert len(report.findings) <= 60

    def whole(finding: Finding) -> bool:
        plot = finding.plot
        return bool(finding.query) and plot is not None and 0 < len(plot.times) == len(plot.values) <= 40

    assert all(whole(finding) for finding in report.findings)
    assert report == await ask(Telemetry(table(columns)))


async def test_a_source_that_does_not_answer_is_a_gap_and_no_error() -> None:
    report = await ask(Down())
    assert report.suspicions == ()
    assert any(gap.reason == "failed" and "did not answer" in gap.statement for gap in report.gaps)
    assert any(gap.reason == "no_data" for gap in report.gaps)


async def test_says_that_samples_end_before_the_window_does() -> None:
    columns = shop(0)
    whole = table(columns)
    cut = times() < ONSET + 3
    stale = MetricTable("shop", END, times()[cut], whole.incident[cut], whole.names, whole.values[cut])
    report = await ask(Telemetry(stale))
    assert any(gap.reason == "stale" for gap in report.gaps)


async def test_says_which_series_hold_too_little() -> None:
    columns = shop(0)
    columns["mail", "queue_depth"] = np.full(len(times()), np.nan)
    report = await ask(Telemetry(table(columns)))
    assert any("mail|queue_depth" in gap.statement for gap in report.gaps)


async def test_says_that_there_is_no_reference() -> None:
    report = await ask(Telemetry(table(shop(0), reference=False)), scope(onset=START))
    assert any("no fault-free reference" in gap.statement for gap in report.gaps)


def traces(n: int, extra_ms: Callable[[str], float]) -> pl.DataFrame:
    noise = np.random.default_rng(5)
    rows = []
    for index in range(n):
        late = index >= n // 2
        begun = ONSET + (index - n // 2) * 0.1
        work = {name: float(noise.uniform(4, 6)) + (extra_ms(name) if late else 0.0) for name in ("web", "orders", "stock")}
        wire = {name: 1.0 + (extra_ms(f">{name}") if late else 0.0) for name in ("orders", "stock")}
        at, end = begun, 0.0
        call_stock = work["stock"] + wire["stock"]
        call_orders = work["orders"] + call_stock + wire["orders"]
        end = work["web"] + call_orders
        spans = [
            ("a", "", "web", "GET /", at, end),
            ("b", "a", "web", "call orders", at + 0.001, call_orders),
            ("c", "b", "orders", "GET /orders", at + 0.001 + wire["orders"] / 2000, work["orders"] + call_stock),
            ("d", "c", "orders", "call stock", at + 0.002 + wire["orders"] / 2000, call_stock),
            ("e", "d", "stock", "GET /stock", at + 0.002 + (wire["orders"] + wire["stock"]) / 2000, work["stock"]),
        ]
        rows += [(late, f"t{index}", span, parent, service, op, start, dur) for span, parent, service, op, start, dur in spans]
    return pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row")


async def test_traces_blame_the_service_that_is_slow_of_itself() -> None:
    report = await ask(Telemetry(spans=traces(60, lambda name: 80.0 if name == "stock" else 0.0)))
    top = report.suspicions[0]
    assert (top.target, top.signal, top.kind) == ("stock", "traces", "latency")
    assert not any(one.target == "web" for one in report.suspicions)


async def test_traces_blame_the_network_where_neither_end_accounts_for_the_time() -> None:
    report = await ask(Telemetry(spans=traces(60, lambda name: 80.0 if name == ">stock" else 0.0)))
    top = report.suspicions[0]
    assert (top.target, top.kind) == ("stock", "network_delay")


async def test_what_two_sources_recorded_of_one_request_is_put_together_and_counts_once() -> None:
    whole = traces(60, lambda name: 80.0 if name == "stock" else 0.0)
    first, second = (Telemetry(spans=whole.filter(pl.col("service") != name)) for name in ("stock", "web"))
    report, alone = await ask(first, beside=(second,)), await ask(Telemetry(spans=whole))
    assert [(s.target, s.kind, s.weight) for s in report.suspicions] == [(s.target, s.kind, s.weight) for s in alone.suspicions]


async def ranking(columns: Shop) -> list[tuple[str, str | None, float]]:
    report = await ask(Telemetry(table(columns)))
    return [(one.target, one.kind, one.weight) for one in report.suspicions]


@pytest.mark.parametrize("fault", list(FAULTS))
async def test_the_order_of_series_changes_nothing(fault: str) -> None:
    columns = shop(7)
    FAULTS[fault][0](columns)
    assert await ranking(dict(reversed(columns.items()))) == await ranking(columns)


@pytest.mark.parametrize("fault", list(FAULTS))
async def test_renamed_services_get_the_same_answer_renamed(fault: str) -> None:
    columns = shop(7)
    FAULTS[fault][0](columns)
    names = {name: f"{letter}-{name[::-1]}" for letter, name in zip("zkqhbc", (*SERVICES, "bank"), strict=True)}

    def renamed(entity: str) -> str:
        return ">".join(names[part] for part in entity.split(">"))

    other = {(renamed(entity), metric): values for (entity, metric), values in columns.items()}
    report = await ask(Telemetry(table(other)), scope(service=names["web"]))
    found = sorted((one.target, one.kind, one.weight) for one in report.suspicions)
    assert found == sorted(
        (names[target], kind, pytest.approx(weight, abs=1e-3)) for target, kind, weight in await ranking(columns)
    )


async def test_seconds_or_milliseconds_and_the_unit_of_memory_change_no_ranking() -> None:
    for fault, (inject, _, _) in FAULTS.items():
        columns = shop(7)
        inject(columns)
        other = {
            (entity, metric.replace("_mean_s", "_mean_ms").replace("_p95_s", "_p95_ms") if "latency" in metric else metric): values
            * (1000 if "latency" in metric else 2**-20 if "memory" in metric else 60 if metric == "request_rate" else 1)
            for (entity, metric), values in columns.items()
        }
        assert [one[:2] for one in await ranking(other)][:3] == [one[:2] for one in await ranking(columns)][:3], fault


@pytest.mark.shared
@pytest.mark.parametrize(("source", "least"), [("rcd", 0.95), ("petshop", 0.85)])
async def test_names_the_guilty_service_of_recorded_incidents_among_its_first_three(source: str, least: float) -> None:
    folders = sorted((CASES / source).glob("*/case.json"))
    if not folders:
        pytest.skip("the recorded cases are not beside the project")
    right = 0
    for file in folders:
        case = open_case(file.parent)
        sources = Sources(metrics=(case,), spans=(case,), topology=(case,))
        report = await INVESTIGATOR.investigate(
            Question(investigator="metrics", text="what moved?"), View(scope=case.scope, sources=sources, say=silent)
        )
        truth = json.loads((CASES / "truth" / source / f"{file.parent.name}.json").read_text())
        first = list(dict.fromkeys(one.target for one in report.suspicions))[:3]
        right += bool(set(first) & set(truth["service"]))
    assert right / len(folders) >= least


async def silent(text: str) -> None:
    assert text


async def test_a_route_that_only_waits_for_somebody_outside_is_not_its_services_fault() -> None:
    columns = shop(2)
    noise = np.random.default_rng(1).normal(0, 0.002, len(times()))
    columns["pay>bank", "error_ratio"] = np.where(after(), 0.7, 0.0)
    slow(columns, "pay>bank", 2.0)
    columns["pay", 'latency_p95_s{route="POST /card"}'] = 0.05 + after() * 3.0 + noise
    report = await ask(Telemetry(table(columns)), scope(service="web"))
    weights = {one.target: one.weight for one in report.suspicions}
    assert report.suspicions[0].target == "bank"
    assert weights.get("pay", 0.0) < 0.3 * weights["bank"]


async def test_a_series_that_began_with_the_incident_is_no_gap() -> None:
    columns = shop(0)
    columns["pay", 'log_messages_per_s{level="error"}'] = np.where(after(), 3.0, np.nan)
    report = await ask(Telemetry(table(columns)))
    assert not any("log_messages" in gap.statement for gap in report.gaps)


async def test_a_callee_that_is_slow_in_its_tail_is_suspected_before_the_caller_that_waits_at_its_median() -> None:
    columns: Shop = {}
    for entity, median, tail in (("mail", 0.0, 0.9), ("orders", 0.5, 0.95), ("web", 0.05, 0.6), ("stock", 0.0, 0.0)):
        columns[entity, "latency_p50_s"] = 0.003 + after() * median
        columns[entity, "latency_p90_s"] = 0.005 + after() * tail
    report = await ask(Telemetry(metrics=table(columns), edges=EDGES), scope(service=None))
    assert report.suspicions[0].target == "mail"


TWO_MACHINES = {"web": "left", "orders": "left", "mail": "left", "stock": "right", "pay": "right"}
MACHINE_CANDIDATES = (*(f"app/{name}" for name in SERVICES), "node/left", "node/right")


class Placed(Telemetry):
    """Knows which machine each service runs on, and what detectors said."""

    said: tuple[dict[str, object], ...] = ()

    async def topology(self, scope: Scope) -> Topology | NoData:
        return Topology("shop", self._edges, TWO_MACHINES)

    async def statuses(self, scope: Scope) -> StatusTable | NoData:
        return StatusTable("watch", END, self.said) if self.said else NoData("watch", "all", "nothing was said")


async def ask_placed(source: Placed) -> Report:
    asked = scope(service=None, candidates=MACHINE_CANDIDATES)
    sources = Sources(metrics=(source,), spans=(source,), topology=(source,), statuses=(source,))
    return await INVESTIGATOR.investigate(
        Question(investigator="metrics", text="what moved?"), View(scope=asked, sources=sources, say=silent)
    )


def slowed(rises: dict[str, tuple[float, float]], resent: dict[str, float]) -> Shop:
    columns: Shop = {}
    for name in SERVICES:
        median, tail = rises.get(name, (0.0, 0.0))
        columns[name, "latency_p50_s"] = 0.003 + after() * median
        columns[name, "latency_p90_s"] = 0.005 + after() * tail
    for node in ("left", "right"):
        columns[f"node/{node}", "tcp_retransmits"] = 0.05 + after() * resent.get(node, 0.0)
    return columns


ACROSS = {"web": (2.0, 5.0), "orders": (1.0, 3.0), "mail": (1.0, 2.0), "stock": (0.0, 0.3), "pay": (0.0, 0.3)}
FULL = (*EDGES[:5], ("web", "pay"), ("mail", "stock"))


@pytest.mark.parametrize(
    ("resent", "kind"), [({"right": 0.4, "left": 0.2}, "network_delay"), ({"right": 8.0, "left": 0.6}, "packet_loss")]
)
async def test_a_machine_whose_calls_to_others_suffer_is_suspected_before_any_of_its_services(
    resent: dict[str, float], kind: str
) -> None:
    report = await ask_placed(Placed(metrics=table(slowed(ACROSS, resent)), edges=FULL))
    assert (report.suspicions[0].target, report.suspicions[0].kind) == ("node/right", kind)


async def test_one_slow_service_does_not_make_its_machine_a_suspect() -> None:
    one = slowed({"pay": (1.0, 2.0), "orders": (1.0, 2.0), "web": (1.0, 2.0)}, {})
    report = await ask_placed(Placed(metrics=table(one), edges=EDGES))
    assert report.suspicions[0].target == "app/pay"


async def test_packets_that_a_node_resends_for_one_slow_service_are_that_services_loss() -> None:
    one = slowed({"pay": (0.0, 2.0), "orders": (0.5, 0.9), "web": (0.5, 0.9)}, {"right": 8.0, "left": 0.6})
    report = await ask_placed(Placed(metrics=table(one), edges=FULL))
    assert (report.suspicions[0].target, report.suspicions[0].kind) == ("app/pay", "packet_loss")


async def test_what_detectors_state_is_read_where_nothing_was_measured_and_counts_as_their_word() -> None:
    source = Placed(edges=EDGES)
    source.said = tuple(
        {"doc": "detector_alert", "name": name, "evidence": [f"p90 latency: normal={before}ms -> now={now}ms"]}
        for name, before, now in (("mail", 5, 900), ("orders", 30, 950), ("stock", 7, 7.2))
    )
    report = await ask_placed(source)
    assert report.suspicions[0].target == "app/mail"
    assert {one.signal for one in report.suspicions} == {"status"}
    assert all(finding.outsider_text for finding in report.findings)
