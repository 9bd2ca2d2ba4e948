"""Text and JSON as outsiders write them, made harmless where they come in. Pure."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DIGITS = 300
"""Of one whole number: a float holds all of these, and nothing that is measured has more."""


def whole(text: str) -> str:
    """`text` with half a character (a lone surrogate, which no file, table or terminal takes) as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def shown(name: str) -> str:
    """A file's name as it can be told: one may hold line ends, and bytes that are no text."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in whole(name))


def parse_json(raw: bytes | str, *, mended: bool = True) -> Any:
    """What `raw` says; a number that no float holds (NaN, 1e400, 5000 digits) is null. Its texts are made `whole` where they are
    to be `mended`; else half a character is refused.

    Raises ValueError when it is not JSON, not in a Unicode encoding, or nested too deeply.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode(json.detect_encoding(raw))
        body = _DECODER.decode(text)
        if "\\ud" not in text and "\\uD" not in text:
            return body
        mend = _whole(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not mended and mend != body:
        raise ValueError("a text in it holds half a character, a lone surrogate")
    return mend


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {whole(key): _whole(item) for key, item in value.items()}
    return value


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _held(text: str) -> int | None:
    return int(text) if len(text) <= MAX_DIGITS else None


_DECODER = json.JSONDecoder(parse_float=_finite, parse_int=_held, parse_constant=lambda _: None)
