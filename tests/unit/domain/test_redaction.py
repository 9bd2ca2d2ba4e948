from __future__ import annotations

import re
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action import Outcome, Preview
from app.domain.change import Change
from app.domain.errors import Unreachable
from app.domain.incident import Alert
from app.domain.redaction import placeholder, redact, redact_value
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
        ("remote uses github_pat_11ABCDEFG0abcdefghijkl_mnop", "11ABCDEFG0abcdefghijkl"),
        ("PORTAL_PASSWORD=$ecret1!x", "ecret1!x"),
        ("- name: DB_PASSWORD\n  value: hunter2\n", "hunter2"),
        ('{"name": "DB_PASSWORD", "value": "hunter2"}', "hunter2"),
        ("dial shop:p4ssw@tcp(mysql:3306)/shop", "p4ssw"),
        ("exec migrate --db-password hunter2 up", "hunter2"),
        ("<password>hunter2</password>", "hunter2"),
        ("CREATE USER app IDENTIFIED BY 'hunter2'", "hunter2"),
        ("Server=db;User Id=sa;Password=p@ss1;Encrypt=true", "p@ss1"),
        ("https://b.example/k?X-Amz-Signature=0123456789abcdef0123", "0123456789abcdef0123"),
        ("payload cGFzc3dvcmQ9aHVudGVyMg== received", "cGFzc3dvcmQ9aHVudGVyMg=="),
        ("AKIAIOSF\u200bODNN7EXAMPLE used", "ODNN7EXAMPLE"),
        ('key = "AKIAIOSF" + "ODNN7EXAMPLE"', "ODNN7EXAMPLE"),
        ("MIIEowIBAAKCAQEAz4bQqT1nXk9vPzLr3sYd7uWc0aGhJfKm5eNiRoTpUxVw+/A8", "MIIEowIBAAKCAQEAz4bQqT1n"),
    ],
)
def test_a_secret_is_replaced_and_the_rest_stays(text: str, secret: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert "[redacted:" in clean
    assert clean.split("[redacted:")[0] == text[: len(clean.split("[redacted:")[0])]


def test_a_secret_behind_url_escapes_is_replaced_and_the_escapes_are_undone() -> None:
    clean = redact("GET /log?m=password%3Dhunter2%26x%3D1 200")
    assert clean.startswith("GET /log?m=password=[redacted:secret:")
    assert clean.endswith("&x=1 200")


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
        "password is required; password was rejected",
        "GET /search?q=a%20b%2Fc 200",
        "9b2cf573b8a1d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b",
        "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
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


def test_a_long_text_is_redacted_like_its_lines_and_a_long_secret_whole() -> None:
    lines = ["password=hunter22", "curl -u ada:hunter22 https://example.com", "nothing here", 'token: "abcdefgh12345678" and more']
    assert redact("\n".join(lines * 500)) == "\n".join(redact(line) for line in lines * 500)
    endless = "4f" * 8000
    assert redact(f"before password={endless}1 after") != redact(f"before password={endless}2 after")
    told = redact(f"before password={endless} after {'x ' * 5000}")
    assert re.fullmatch(r"before password=\[redacted:secret:\d{6}\] after (x )+", told)


def test_a_column_is_redacted_like_its_values_and_nulls_stay() -> None:
    texts = ["fine", "password=hunter2", None, "also fine", "Bearer abc123def456ghi789"]
    assert redact_column(pl.Series(texts)).to_list() == [redact(text) if text else text for text in texts]


def test_in_json_a_key_or_a_name_beside_it_tells_that_a_value_is_a_secret() -> None:
    given = {"db_password": "correct horse 1", "env": [{"name": "API_TOKEN", "value": "abcdef1"}], "port": 80, "note": "fine"}
    clean = redact_value(given)
    assert "correct horse" not in str(clean)
    assert "abcdef1" not in str(clean)
    assert (clean["port"], clean["note"], clean["env"][0]["name"]) == (80, "fine", "API_TOKEN")
    assert redact_value(clean) == clean
    assert clean["db_password"] == redact_value({"db_password": "correct horse 1"})["db_password"]


def test_what_others_answer_loses_its_secrets_where_it_becomes_ours() -> None:
    said = "401: bad credentials password=hunter2"
    change = Change(id="1", kind="config", at=datetime.now(UTC), title=said, diff=f"+{said}", details={"password": "hunter2"})
    alert = Alert(fired_at=datetime.now(UTC), summary=said, labels={"note": said, "api_key": "hunter2"})
    held = [change, alert, Preview(ok=True, lines=(said,)), Outcome(ok=False, detail=said, facts={"said": said})]
    assert all("hunter2" not in each.model_dump_json() for each in held)
    assert "hunter2" not in str(Unreachable(said))
