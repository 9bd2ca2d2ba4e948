from __future__ import annotations

import pytest

from graphs.analysis.logs import error_words
from graphs.analysis.logs.complaints import witness
from graphs.analysis.logs.exceptions import Names
from graphs.analysis.logs.reading import Repetition
from graphs.analysis.logs.shift import Shift
from graphs.analysis.logs.status_docs import Outage, named_by
from graphs.analysis.logs.unchanged import outside, unchanged

NAMES = Names(("baker", "miller", "grocer"))


def shift(service: str, text: str, *, novelty: float = 1.0) -> Shift:
    kind = error_words.kind_of(text)
    counts = {"n_reference": 0, "n_before": 0, "n_after": 20, "seen": 20}
    return Shift(
        service=service,
        level="ERROR",
        status="",
        template=text,
        exemplar=text,
        change="new",
        **counts,
        expected=0.0,
        z=4.0,
        log2_ratio=5.0,
        novelty=novelty,
        severity=error_words.severity("ERROR", text),
        kind=kind.name if kind else None,
        first_s=100.0,
        last_s=200.0,
    )


def kinds(*shifts: Shift, again: tuple[Repetition, ...] = ()) -> list[tuple[str, str, float]]:
    return [(one.shift.service, one.kind, one.weight) for one in unchanged(witness(shifts, NAMES), again)]


def test_an_expired_certificate_needs_no_change_and_one_of_an_unknown_issuer_may() -> None:
    assert kinds(shift("baker", "x509: certificate has expired")) == [("baker", "tls_certificate", 2.0)]
    assert kinds(shift("baker", "x509: certificate signed by unknown authority")) == []


def test_the_same_record_over_and_over_weighs_more_than_bad_data_once() -> None:
    poison = shift("baker", "payload validation failed for order <*>")
    [(_, _, once)] = kinds(poison)
    [(_, _, often)] = kinds(poison, again=(Repetition("baker", poison, 20, 1),))
    assert often > 2 * once


def test_one_overloaded_service_is_no_surge_and_several_are() -> None:
    full = [shift(service, "request queue is full") for service in ("baker", "miller")]
    assert kinds(full[0]) == []
    assert [kind for _, kind, _ in kinds(*full)] == ["traffic_surge", "traffic_surge"]


def test_only_a_failing_call_to_a_public_host_is_anothers_trouble() -> None:
    assert [kind for _, kind, _ in kinds(shift("baker", "connection timed out: https://api.flour.example/v1"))] == ["upstream"]
    assert kinds(shift("baker", "connection timed out: https://flour.shop.svc/v1")) == []
    assert outside("api.flour.example")
    assert not outside("flour.internal")
    assert not outside("flour")


def test_a_providers_outage_is_credited_to_whose_failing_lines_name_it() -> None:
    outage = Outage("feed", "Slow", "degraded", frozenset({"flour", "eu"}), None)
    lines = [shift("baker", "timeout: https://api.flour.example"), shift("miller", "timeout: https://api.oats.example")]
    assert named_by(outage, witness(lines, NAMES)) == ("baker", 1)
    assert named_by(outage, witness(lines[1:], NAMES)) == (None, 0)


def test_who_fails_otherwise_or_hardly_is_not_one_more_that_is_overloaded() -> None:
    full = shift("baker", "request queue is full")
    assert kinds(full, shift("miller", "x509: certificate signed by unknown authority")) == []
    assert kinds(full, shift("miller", "request queue is full", novelty=0.05)) == []


def test_a_surge_counts_the_others() -> None:
    full = [shift(service, "request queue is full") for service in ("baker", "miller", "grocer")]
    assert next(unchanged(witness(full, NAMES), ())).statement.endswith("as do 2 others")


@pytest.mark.parametrize(
    "end", ["local", "localdomain", "internal", "svc", "lan", "cluster", "consul", "test", "invalid", "home", "corp"]
)
def test_names_that_only_a_house_of_its_own_resolves_are_not_outside(end: str) -> None:
    assert not outside(f"flour.shop.{end}")
    assert not outside("flour.svc.mill")
    assert outside(f"{end}.shop.example")
