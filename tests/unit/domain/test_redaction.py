from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.redaction import placeholder, redact
from app.domain.redaction_columns import redact_column

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login with password=hunter2 failed", "hunter2"),
        ('{"user": "ann", "password": "correct horse"}', "correct horse"),
        ('{\\"password\\":\\"hunter2\\"}', "hunter2"),
        ("DB_PASSWORD: s3cr3t", "s3cr3t"),
        ("client_secret='9f8e7d'", "9f8e7d"),
        ("X-Api-Key: 0123456789abcdef", "0123456789abcdef"),
        ("Authorization: Bearer abc123def456ghi789", "abc123def456ghi789"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("sent bearer abc123def456ghi789 upstream", "abc123def456ghi789"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("posting with xoxb-123456789012-abcdef", "xoxb-123456789012-abcdef"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIiOiIxIn0"),
        ("connecting to postgres://app:p4ss@db:5432/x", "p4ss"),
        ("clone https://ghp_abcdefghijklmnopqrstuv123456@git.example/x", "ghp_abcdefghijklmnopqrstuv123456"),
        ("Set-Cookie: sid=31d4d96e407aad42; Path=/", "31d4d96e407aad42"),
        (f"mounting {KEY} now", "MIIEowIBAAKCAQEA"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEcut", "MIIEcut"),
        ("größe ok, password=geheim9 ende", "geheim9"),
    ],
)
def test_a_secret_is_replaced_and_the_rest_stays(text: str, secret: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert "[redacted:" in clean
    assert clean.split("[redacted:")[0] == text[: len(clean.split("[redacted:")[0])]


@pytest.mark.parametrize(
    "text",
    [
        "trace 4f0c9e2b7a6d4f0c9e2b7a6d4f0c9e2b span 9e2b7a6d4f0c9e2b",
        "order 7b9c1f9e-2c4d-4b0a-9f61-0d6c1a2b3c4d created",
        "commit 66e5c75a81488a9b24d17a93fd9e32305a9579ca deployed",
        "image sha256:9b2cf573b8a1d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b pulled",
        "invalid token: expired",
        "access denied for user 'app' (using password: YES)",
        "token_validation_errors=5 max_tokens: 100 secretName: db-secret",
        "+    token := cfg.Token",
        "+    self.password = request.password",
        '+    key = os.environ["API_KEY"]',
        "password: ${DB_PASSWORD}",
        "GET https://shop.example/cart?id=1 200",
        "PWD=/app",
        "the secretary and the cookie jar",
        "",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_the_same_secret_has_the_same_placeholder_and_another_has_another() -> None:
    assert redact("a password=hunter2") == redact("b password=hunter2").replace("b ", "a ")
    assert redact("password=hunter2") != redact("password=hunter3")
    assert placeholder("token", "x") == placeholder("token", "x")


@given(
    st.text(max_size=200)
    | st.from_regex(r"(password|token|bearer|cookie|secret)[ =:]{1,2}[a-z0-9\"'\\]{1,20}( [a-z0-9=]{0,9}){0,3}")
)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_a_column_is_redacted_like_its_values_and_nulls_stay() -> None:
    texts = ["fine", "password=hunter2", None, "also fine", "Bearer abc123def456ghi789"]
    assert redact_column(pl.Series(texts)).to_list() == [redact(text) if text else text for text in texts]
