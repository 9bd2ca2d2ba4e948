from __future__ import annotations

import json
import sys

import pytest

from app.connectors.outside import parse_json, shown, whole


def test_half_a_character_becomes_a_mark_and_whole_ones_stay() -> None:
    assert whole("a\ud800b") == "a\ufffdb"
    assert whole("naïve \U0001f600") == "naïve \U0001f600"
    assert whole("\ud83d\ude00") == "\U0001f600"


def test_texts_are_whole_wherever_they_stand() -> None:
    said = {"a\ud800": ["\udc00", {"b": "\udbff"}], "\U0001f600": 1}
    assert parse_json(json.dumps(said)) == {"a\ufffd": ["\ufffd", {"b": "\ufffd"}], "\U0001f600": 1}
    with pytest.raises(ValueError, match="half a character"):
        parse_json(json.dumps(said), mended=False)
    assert parse_json(json.dumps("\U0001f600"), mended=False) == "\U0001f600"
    assert parse_json(r'"a literal \\ud800"', mended=False) == r"a literal \ud800"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400", "-1e400", "1" * 5000, "1" * 301])
def test_a_number_that_no_float_holds_is_null(number: str) -> None:
    assert parse_json(f"[{number}, 1, 2.5]") == [None, 1, 2.5]


def test_every_number_that_is_read_can_be_a_float() -> None:
    assert float(parse_json("9" * 300)) < sys.float_info.max
    assert parse_json("1e308") == 1e308


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b'"\xff"', b'"\xed\xa0\x80"', "\ufeff1"])
def test_what_is_no_json_is_one_kind_of_error(raw: bytes | str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_json(raw)


def test_a_byte_order_mark_is_no_text() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


def test_a_name_is_shown_in_one_line() -> None:
    assert shown("a\ud800\n\x1b[31m.log") == "a\ufffd\ufffd\ufffd[31m.log"
