from __future__ import annotations

import random
from collections.abc import Callable

import polars as pl
import pytest

from app.domain.telemetry import SPAN_SCHEMA
from graphs.analysis.logs.course import LINES_SCHEMA, Course, courses

ONSET = 1_000.0
Span = tuple[object, ...]
Line = tuple[object, ...]


class Shop:
    """Requests of web > orders > stock, and of web > catalog, with the lines and calls of each."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.lines: list[Line] = []
        self.n = 0

    def request(
        self, *, incident: bool, stock: str = "whole", orders: str = "whole", parcel: bool = False, at: float | None = None
    ) -> None:
        self.n += 1
        trace = f"t{self.n}"
        start = at if at is not None else (ONSET + self.n if incident else float(self.n))

        def span(name: str, parent: str, service: str, op: str, later: float) -> str:
            self.spans.append(
                (incident, trace, f"{trace}{name}", f"{trace}{parent}" if parent else "", service, op, start + later, 5.0)
            )
            return f"{trace}{name}"

        def line(of: str, service: str, statement: str, severity: float = 0.0, blames: float = 0.0) -> None:
            self.lines.append((incident, trace, of, service, statement, severity, blames))

        web = span("w", "", "web", "POST /order", 0.0)
        line(web, "web", "order received")
        orders_span = span("o", "w", "orders", "/place", 0.1)
        line(orders_span, "orders", "placing")
        if parcel:
            line(orders_span, "orders", "packing a parcel")
            line(orders_span, "orders", "parcel labelled")
        else:
            line(orders_span, "orders", "packing a letter")
            line(orders_span, "orders", "letter stamped")
        stock_span = span("s", "o", "stock", "/take", 0.2)
        line(stock_span, "stock", "looking")
        if stock == "whole":
            line(stock_span, "stock", "taken")
        elif stock == "logged":
            line(stock_span, "stock", "nothing there", 0.9)
        if orders == "blames":
            line(orders_span, "orders", "cannot reach billing", 0.9, 0.95)
        if stock == "whole" and orders == "whole":
            span("b", "o", "billing", "/charge", 0.3)
            line(orders_span, "orders", "placed")
            line(web, "web", "order confirmed")

    def found(self) -> tuple[Course, ...]:
        return courses(
            pl.DataFrame(self.spans, schema=SPAN_SCHEMA, orient="row"),
            pl.DataFrame(self.lines, schema=LINES_SCHEMA, orient="row"),
            ONSET,
        )


def shop(during: Callable[[Shop, int], None], *, n: int = 20) -> Shop:
    made = Shop()
    for i in range(30):
        made.request(incident=False, parcel=i % 4 == 0)
    for i in range(n):
        during(made, i)
    return made


def test_where_a_line_stays_away_that_always_came_is_the_service_to_ask() -> None:
    found = shop(lambda s, _: s.request(incident=True, stock="broken")).found()
    assert found[0].service == "stock"
    assert (found[0].departure.what, found[0].departure.sort, found[0].departure.text) == ("gone", "line", "taken")
    assert found[0].strength > 0.7
    assert found[0].departure.share_now == pytest.approx(1.0)


def test_callers_that_stop_because_of_their_callee_are_not_blamed() -> None:
    found = shop(lambda s, i: s.request(incident=True, stock="whole" if i % 2 else "broken")).found()
    assert found[0].service == "stock"
    assert found[0].share > 0.7


def test_a_service_that_stops_while_all_below_it_keeps_its_course_is_to_ask() -> None:
    found = shop(lambda s, _: s.request(incident=True, orders="stops")).found()
    assert [course.service for course in found][:1] == ["orders"]


def test_a_call_that_is_no_longer_made_counts_without_any_line() -> None:
    made = shop(lambda s, _: s.request(incident=True, orders="stops"))
    made.lines.clear()
    found = made.found()
    assert (found[0].service, found[0].departure.sort) == ("orders", "call")


def test_another_mix_of_requests_is_no_departure() -> None:
    assert shop(lambda s, _: s.request(incident=True, parcel=True)).found() == ()
    assert shop(lambda s, i: s.request(incident=True, parcel=i % 2 == 0)).found() == ()


def test_who_says_that_another_failed_it_is_a_witness() -> None:
    found = shop(lambda s, _: s.request(incident=True, orders="blames")).found()
    assert all(course.service != "orders" or course.strength < 0.5 for course in found)
    silent = shop(lambda s, _: s.request(incident=True, orders="stops")).found()
    assert silent[0].strength > found[0].strength if found else True


def test_a_new_statement_counts_more_when_it_tells_of_a_failure() -> None:
    def with_line(severity: float) -> Course:
        made = shop(lambda s, _: s.request(incident=True))
        late = [line for line in made.lines if line[0] and line[3] == "stock" and line[4] == "looking"]
        made.lines += [(*line[:4], "another way", severity, 0.0) for line in late]
        return made.found()[0]

    quiet, loud = with_line(0.05), with_line(0.9)
    assert (quiet.service, loud.service) == ("stock", "stock")
    assert loud.requests > 2 * quiet.requests


def test_that_a_failure_no_longer_comes_is_no_fault() -> None:
    made = Shop()
    for _ in range(20):
        made.request(incident=False, stock="logged")
    for _ in range(20):
        made.request(incident=True, stock="logged")
    made.lines = [line for line in made.lines if not (line[0] and line[4] == "nothing there")]
    assert made.found() == ()


def test_what_was_already_so_before_the_onset_counts_less() -> None:
    def found(before: str) -> Course:
        made = shop(lambda s, _: s.request(incident=True, stock="broken"))
        for i in range(10):
            made.request(incident=True, stock=before, at=ONSET - 100 + i)
        return made.found()[0]

    assert found("whole").requests > 1.5 * found("broken").requests


def test_lost_lines_leave_the_answer_as_it_is() -> None:
    for seed in range(5):
        made = shop(lambda s, _: s.request(incident=True, stock="broken"), n=30)
        chance = random.Random(seed)
        made.lines = [line for line in made.lines if chance.random() > 0.2]
        assert made.found()[0].service == "stock"


def test_a_service_whose_lines_were_not_recorded_before_says_nothing_new() -> None:
    made = shop(lambda s, _: s.request(incident=True))
    made.lines = [line for line in made.lines if line[0] or line[3] != "stock"]
    assert made.found() == ()


def test_lines_without_a_span_belong_to_the_one_request_of_their_service() -> None:
    made = shop(lambda s, _: s.request(incident=True, stock="broken"))
    made.lines = [(line[0], line[1], "", *line[3:]) for line in made.lines]
    assert made.found()[0].service == "stock"


def test_order_copies_names_and_hours_change_nothing() -> None:
    made = shop(lambda s, i: s.request(incident=True, stock="broken" if i % 3 else "whole"))
    first = made.found()
    spans = pl.DataFrame(made.spans, schema=SPAN_SCHEMA, orient="row")
    lines = pl.DataFrame(made.lines, schema=LINES_SCHEMA, orient="row")
    shuffled = courses(pl.concat([spans, spans]).sample(fraction=1.0, shuffle=True, seed=3), lines.reverse(), ONSET)
    assert [(c.service, round(c.strength, 9)) for c in shuffled] == [(c.service, round(c.strength, 9)) for c in first]
    later = courses(spans.with_columns(pl.col("start") + 86_400.0), lines, ONSET + 86_400.0)
    assert later == first
    renamed = courses(spans.with_columns(pl.col("service") + "-x"), lines.with_columns(pl.col("service") + "-x"), ONSET)
    assert [(c.service, round(c.strength, 9)) for c in renamed] == [(f"{c.service}-x", round(c.strength, 9)) for c in first]


def test_a_request_that_bites_its_tail_is_read() -> None:
    made = shop(lambda s, _: s.request(incident=True))
    made.spans += [(True, "loop", "a", "b", "web", "x", ONSET + 1, 1.0), (True, "loop", "b", "a", "orders", "y", ONSET + 1, 1.0)]
    assert made.found() == ()


def test_too_few_requests_say_nothing() -> None:
    made = Shop()
    for _ in range(2):
        made.request(incident=False)
        made.request(incident=True, stock="broken")
    assert made.found() == ()
    assert courses(pl.DataFrame(schema=SPAN_SCHEMA), pl.DataFrame(schema=LINES_SCHEMA), ONSET) == ()


def test_a_request_that_ends_before_its_handler_is_held_against_those_that_reached_it() -> None:
    rows: list[Span] = []
    for i in range(60):
        incident, trace = i >= 30, f"t{i}"
        start = ONSET + i if incident else float(i)
        rows.append((incident, trace, f"{trace}w", "", "web", "POST /order", start, 9.0))
        rows.append((incident, trace, f"{trace}o", f"{trace}w", "orders", "/place", start + 0.1, 5.0))
        if not incident or i % 2:
            rows.append((incident, trace, f"{trace}h", f"{trace}o", "orders", "Orders.place", start + 0.2, 4.0))
            rows.append((incident, trace, f"{trace}d", f"{trace}h", "orders", "INSERT orders", start + 0.3, 1.0))
    (found,) = courses(pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row"), pl.DataFrame(schema=LINES_SCHEMA), ONSET)
    assert (found.service, found.departure.what) == ("orders", "gone")
    assert found.departure.share_now == pytest.approx(0.5)


def test_routes_with_several_handlers_keep_them_apart() -> None:
    rows: list[Span] = []
    for i in range(60):
        incident, trace = i >= 30, f"t{i}"
        start = ONSET + i if incident else float(i)
        rows.append((incident, trace, f"{trace}o", "", "orders", "/order", start, 5.0))
        if i % 3:  # a third of them is answered without any
            handler = "Orders.read" if i % 2 or incident else "Orders.write"
            rows.append((incident, trace, f"{trace}h", f"{trace}o", "orders", handler, start + 0.2, 4.0))
    assert courses(pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row"), pl.DataFrame(schema=LINES_SCHEMA), ONSET) == ()


def test_a_step_that_always_came_twice_and_now_comes_once_is_gone() -> None:
    rows: list[Span] = []
    for i in range(60):
        incident, trace = i >= 30, f"t{i}"
        start = ONSET + i if incident else float(i)
        rows.append((incident, trace, f"{trace}o", "", "orders", "/place", start, 5.0))
        rows.append((incident, trace, f"{trace}h", f"{trace}o", "orders", "Orders.place", start + 0.1, 4.0))
        for each in range(1 if incident else 2):
            rows.append((incident, trace, f"{trace}d{each}", f"{trace}h", "orders", "UPDATE stock", start + 0.2 + each, 1.0))
    (found,) = courses(pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row"), pl.DataFrame(schema=LINES_SCHEMA), ONSET)
    assert (found.service, found.departure.text) == ("orders", "UPDATE stock (again)")


def test_callers_are_not_blamed_for_callees_that_were_too_many_to_look_at() -> None:
    rows: list[Span] = []
    noise = random.Random(1)
    for i in range(240):
        incident, trace = i >= 60, f"t{i}"
        start = ONSET + i if incident else float(i)
        rows.append((incident, trace, f"{trace}w", "", "web", "GET /list", start, 90.0))
        whole = True
        for each in range(10):
            if not whole:
                break
            rows.append((incident, trace, f"{trace}o{each}", f"{trace}w", "stock", "/one", start + 0.1 * each, 5.0))
            whole = not incident or noise.random() > 0.3
            if whole:
                rows.append(
                    (incident, trace, f"{trace}d{each}", f"{trace}o{each}", "stock", "SELECT", start + 0.1 * each + 0.01, 1.0)
                )
        if whole:
            rows.append((incident, trace, f"{trace}a", f"{trace}w", "adverts", "/some", start + 2.0, 5.0))
    found = courses(pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row"), pl.DataFrame(schema=LINES_SCHEMA), ONSET)
    assert found[0].service == "stock"
    assert found[0].share > 0.7


def one_service(
    *now: tuple[str, ...], before: tuple[str, ...] = ("Orders.place", "UPDATE stock"), n: int = 30
) -> tuple[Course, ...]:
    """Requests of one service with the steps under their handler: `n` as before, then one of each kind in turn."""
    rows: list[Span] = []
    for i in range(2 * n):
        incident, trace = i >= n, f"t{i}"
        start = ONSET + i if incident else float(i)
        rows.append((incident, trace, f"{trace}o", "", "orders", "/place", start, 5.0))
        for each, op in enumerate(now[i % len(now)] if incident else before):
            parent = f"{trace}o" if each == 0 else f"{trace}h0"
            rows.append((incident, trace, f"{trace}h{each}", parent, "orders", op, start + 0.1 * (each + 1), 1.0))
    return courses(pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row"), pl.DataFrame(schema=LINES_SCHEMA), ONSET)


@pytest.mark.parametrize("step", ["write error page", "Exception handler", "charge failed"])
def test_a_new_step_whose_name_tells_of_a_failure_counts_more_than_another(step: str) -> None:
    loud, quiet = (one_service(("Orders.place", "UPDATE stock", new))[0] for new in (step, "write page"))
    assert (loud.departure.text, quiet.departure.text) == (step, "write page")
    assert loud.requests > 2 * quiet.requests


def test_no_more_requests_leave_their_course_than_were_made_and_next_to_none_are_not_told_of() -> None:
    usual, new = ("Orders.place", "UPDATE stock"), ("Orders.place", "UPDATE stock", "write page")
    assert 25 < one_service(("Orders.place",))[0].requests < 30
    assert one_service(new, *(usual for _ in range(14))) == ()


def test_a_step_that_calls_another_service_is_no_handler_wherever_it_is_listed() -> None:
    rows: list[Span] = []
    for i in range(60):
        incident, trace = i >= 30, f"t{i}"
        start = ONSET + i if incident else float(i)
        rows.append((incident, trace, f"{trace}c", f"{trace}o", "orders", "GET", start + 0.1, 1.0))
        rows.append((incident, trace, f"{trace}a", f"{trace}c", "access", "/may", start + 0.15, 0.5))
        rows.append((incident, trace, f"{trace}o", "", "orders", "/place", start, 5.0))
        rows.append((incident, trace, f"{trace}h", f"{trace}o", "orders", "Orders.place", start + 0.2, 4.0))
        if not incident:
            rows.append((incident, trace, f"{trace}d", f"{trace}h", "orders", "UPDATE stock", start + 0.3, 1.0))
    (found,) = courses(pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row"), pl.DataFrame(schema=LINES_SCHEMA), ONSET)
    assert (found.departure.text, found.departure.n_before) == ("UPDATE stock", 30)


@pytest.mark.parametrize(("before", "now", "told"), [(3, 20, False), (20, 2, False), (20, 20, True)])
def test_both_sides_must_hold_enough_requests_before_anything_new_is_told(before: int, now: int, told: bool) -> None:
    made = Shop()
    for n in range(before + now):
        made.request(incident=n >= before)
    late = [line for line in made.lines if line[0] and line[3] == "stock" and line[4] == "looking"]
    made.lines += [(*line[:4], "nothing works", 0.9, 0.0) for line in late]
    assert bool(made.found()) is told
