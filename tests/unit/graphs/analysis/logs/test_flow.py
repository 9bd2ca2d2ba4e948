from __future__ import annotations

import polars as pl

from app.domain.telemetry import LOG_SCHEMA
from graphs.analysis.logs.flow import deepest, flow_of
from graphs.analysis.logs.templates import Stretches, mine

STRETCHES = Stretches(start_s=10_000.0)


def request(n: int, *, incident: bool, pay_s: float = 0.02, finished: bool = True) -> list[tuple[object, ...]]:
    start = (10_000.0 if incident else 0.0) + n * 3.0
    trace = f"t{incident}{n}"
    steps = [
        ("shop", 0.0, "placing order"),
        ("pay", 0.01, "charging card"),
        ("pay", 0.01 + pay_s, "charged card"),
        ("shop", 0.02 + pay_s, "placed order"),
    ]
    return [
        (incident, start + at, service, "INFO", msg, trace, f"{trace}-{service}", "", "")
        for service, at, msg in steps
        if finished or msg != "charged card"
    ]


def read(rows: list[tuple[object, ...]]) -> object:
    frame = pl.DataFrame(rows, schema=LOG_SCHEMA, orient="row")
    return flow_of(frame, mine(frame, stretches=STRETCHES), STRETCHES)


def reference() -> list[tuple[object, ...]]:
    return [row for n in range(20) for row in request(n, incident=False)]


def test_lost_time_is_told_by_the_gaps_that_grew() -> None:
    found = read(reference() + [row for n in range(20) for row in request(n, incident=True, pay_s=0.6)])
    first = found.waits[0]
    assert first.service == "pay"
    assert first.strength > 0.5


def test_requests_that_stop_half_way_take_another_course() -> None:
    found = read(reference() + [row for n in range(20) for row in request(n, incident=True, finished=False)])
    first = found.steps[0]
    assert (first.service, first.template) == ("pay", "charging card")
    assert first.cut > 0.5


def test_the_same_requests_again_show_nothing() -> None:
    found = read(reference() + [row for n in range(20) for row in request(n, incident=True)])
    assert found.steps == ()
    assert all(wait.strength == 0 for wait in found.waits)


def test_lines_without_traces_tell_nothing() -> None:
    rows = [(*row[:5], "", "", "", "") for row in reference()]
    assert read(rows).waits == ()


def test_a_caller_is_discounted_by_its_callee() -> None:
    found = deepest({"shop": 0.5, "pay": 0.5}, {"shop": ("pay",)})
    assert found["pay"] > 2 * found["shop"]


def test_lines_of_one_moment_tell_the_same_whatever_the_services_are_called() -> None:
    def waits(shop: str, pay: str) -> dict[str, tuple[float, float]]:
        late = [(row[0], round(row[1], 1), *row[2:]) for n in range(20) for row in request(n, incident=True, pay_s=0.6)]
        rows = [(*row[:2], {"shop": shop, "pay": pay}[row[2]], *row[3:]) for row in reference() + late]
        return {wait.service: (wait.excess, wait.strength) for wait in read(rows).waits}

    before, after = waits("shop", "pay"), waits("a", "z")
    assert before == {{"a": "shop", "z": "pay"}[service]: value for service, value in after.items()}
