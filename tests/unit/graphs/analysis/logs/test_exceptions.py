from __future__ import annotations

from graphs.analysis.logs.error_words import kind_of
from graphs.analysis.logs.exceptions import Names, exception_types, listening_ports

NAMES = Names(
    ("shop-cart", "shop-order", "shop-order-archive", "shop-pay", "shop-product", "db"),
    {"shop-order": ("shop-cart", "shop-pay", "shop-product"), "shop-pay": ("db",)},
    {"5432": "db"},
)


def blamed(text: str, *, by: str = "shop-order") -> str | None:
    return NAMES.blamed(text, by=by, kind=kind_of(text)).service


def test_the_root_cause_comes_first_and_without_its_package() -> None:
    text = "org.x.WebException: wrapped; nested exception is java.net.ConnectException: refused"
    assert exception_types(text) == ("ConnectException", "WebException")


def test_exception_types_are_identifiers_only() -> None:
    assert exception_types("<!channel> run rm -rf / Error: *bold*Exception `x`") == ()
    assert exception_types("Traceback\n  File x\nValueError: bad <b>") == ("ValueError",)


def test_the_named_service_is_blamed_not_the_one_who_complains() -> None:
    assert blamed("upstream shop-pay timed out after 5000 ms") == "shop-pay"
    assert blamed("POST http://shop-pay.prod.svc:8080/charge: connection refused") == "shop-pay"
    assert blamed("GET /api/v1/paxservice") is None


def test_a_longer_name_is_not_read_as_a_shorter_one() -> None:
    assert NAMES.mentioned("calling shop-order-archive") == ("shop-order-archive",)
    assert NAMES.mentioned("host shop-order-archive-old:80") == ()


def test_a_pod_names_its_service_and_a_name_may_lack_separators() -> None:
    assert NAMES.mentioned("pod shop-cart-7f9694889c-ngkmr is down, path /shopproduct/1") == ("shop-cart", "shop-product")


def test_the_owner_of_a_port_is_blamed_when_nobody_is_named() -> None:
    assert blamed("dial tcp 10.1.2.3:5432: connection refused", by="shop-pay") == "db"


def test_a_callee_that_shares_a_word_with_the_text_is_blamed_for_failed_calls_only() -> None:
    assert blamed("could not retrieve products: rpc error: deadline exceeded") == "shop-product"
    assert blamed("product validation failed") is None


def test_an_unknown_host_is_told_apart_from_known_services() -> None:
    blame = NAMES.blamed("timeout calling https://api.payments.example.com/v1", by="shop-pay", kind=kind_of("timeout"))
    assert (blame.service, blame.foreign) == (None, "api.payments.example.com")


def test_own_failures_blame_nobody() -> None:
    assert blamed("NullPointerException in shop-order handler") is None


def test_ports_of_two_owners_are_left_out() -> None:
    lines = [("a", "listening on :8080"), ("b", "Started server on port 8080"), ("c", "Tomcat started on port(s): 9090 (http)")]
    assert listening_ports(lines) == {"9090": "c"}


def test_the_owner_of_an_address_is_meant_whatever_else_the_line_speaks_of() -> None:
    names = Names(("front", "orders", "purse"), {"front": ("orders",)}, hosts={"10.3.0.17": "purse", "10.3.0.1": "front"})
    text = "could not place the orders: dial tcp 10.3.0.17:8080: connection refused"
    kind = kind_of(text)
    assert names.blamed(text, by="front", kind=kind).service == "purse"
    assert names.blamed(text.replace("0.17", "0.1"), by="front", kind=kind).service == "orders"
