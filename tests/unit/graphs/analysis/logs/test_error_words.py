from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from graphs.analysis.logs.error_words import KINDS, innocent, kind_of, severity


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("dial tcp 10.0.0.3:5432: connect: connection refused", "connection_refused"),
        ("lookup cart.shop.svc: no such host", "dns"),
        ("java.lang.OutOfMemoryError: Java heap space", "oom"),
        ("pool exhausted: timed out waiting for a free connection", "connection_pool"),
        ("x509: certificate has expired or is not yet valid", "tls_certificate"),
        ("write /var/lib/x: no space left on device", "disk"),
        ("The MySQL server is running with the --read-only option", "read_only_store"),
        ("Access denied for user 'shop'", "auth"),
        ("429 Too Many Requests", "rate_limited"),
        ("context deadline exceeded", "timeout"),
        ("upstream returned 503", "upstream"),
        ("No servers available for service: x", "no_instance"),
        ("field 'lat' out of range [-90,90]", "poison_data"),
        ("pod is waiting to start: ContainerCreating", "not_started"),
        ("call aborted: context canceled", "canceled"),
        ("something failed", "exception"),
        ("GET /x failed: quotes did not answer GET /y within 900 ms", "timeout"),
        ("GET /x failed: quotes answered 503 to GET /y", "upstream"),
        ("no connection became free within 1000 ms: 1 of 1 in use", "connection_pool"),
        ("the answer is 42", None),
        ("handled request", None),
        ("request done, errors=0, no errors", None),
        ("starting with query timeout: 500 ms", None),
        ("java -XX:+HeapDumpOnOutOfMemoryError", None),
    ],
)
def test_lines_are_told_by_their_words(text: str, kind: str | None) -> None:
    found = kind_of(text)
    assert (found.name if found else None) == kind


def test_a_failure_logged_at_info_still_counts_and_less_than_an_error() -> None:
    text = "connection refused by db"
    assert severity("INFO", "handled request") < 0.2 < severity("INFO", text) < severity("ERROR", text)


def test_a_status_of_5xx_is_worse_than_4xx() -> None:
    assert (
        severity("INFO", "GET /pay", status="5")
        > severity("INFO", "GET /pay", status="4")
        > severity("INFO", "GET /pay", status="2")
    )


def test_a_level_taken_from_a_harmless_word_counts_little() -> None:
    assert severity("ERROR", "filter { error-rate: 0.01 }") < 0.4 < severity("ERROR", "could not write")


def test_the_name_of_a_header_tells_of_no_failure() -> None:
    assert kind_of('answered <200, ok, [x-proxy-upstream-service-time:"3", x-frame-options:"deny"]>') is None
    assert kind_of("upstream connect error [x-request-id: 7]") is not None


said = "pool wait connection timed out", "no such host", "x509 expired", "503", "status=", "field", "out of range", "é"


@given(st.lists(st.one_of(st.sampled_from(said), st.text("abé –-0 ", max_size=5)), max_size=12))
def test_the_first_kind_that_matches_wins(words: list[str]) -> None:
    text = " ".join(words)
    cleaned = innocent().sub(" ", text)
    one_by_one = (kind for kind in KINDS if re2.search("(?i)" + kind.pattern, cleaned) is not None)
    assert kind_of(text) == next(one_by_one, None)
