"""Reading a request's body without trusting it: bounded before it is parsed, plain JSON, nothing ambiguous."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.domain.errors import BadInput

LARGEST = 1024 * 1024
DEEPEST = 64
LARGEST_INTEGER = 2**53 - 1


class TooLarge(BadInput):
    """Larger than is read."""


async def read_bytes(request: Request, *, largest: int = LARGEST) -> bytes:
    """The body, at most `largest` bytes; more is refused as soon as it is seen, not after it was read. Raises `TooLarge`."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > largest:
        raise TooLarge(f"the body is {announced} bytes; at most {largest} are taken: send fewer alerts or changes at a time")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadInput("compressed bodies are not taken; send plain JSON")
    held = bytearray()
    try:
        async for chunk in request.stream():
            held += chunk
            if len(held) > largest:
                raise TooLarge(f"the body is larger than {largest} bytes: send fewer alerts or changes at a time")
    except ClientDisconnect as error:
        raise BadInput("the body was not complete in time, or its sender went away; send it again") from error
    return bytes(held)


def parse(body: bytes) -> Any:
    """The JSON in it. Raises `BadInput` for anything but plain JSON: duplicate keys, NaN, nesting deeper than 64, a number that
    no other reader would read alike, half a character."""
    if _depth(body) > DEEPEST:
        raise BadInput(f"the body is nested deeper than {DEEPEST} levels")
    try:
        text = body.decode("utf-8")
        read = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite, parse_int=_exact)
        if "\\u" in text:  # only an escape can write half a character
            json.dumps(read, ensure_ascii=False).encode("utf-8")
        return read
    except UnicodeError as error:
        raise BadInput("the body is no plain JSON: it is not UTF-8, or holds half a character (a lone surrogate)") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is no plain JSON: {error}") from error


def _depth(body: bytes) -> int:
    """How deep brackets nest, strings left out; counted before parsing, because a parser may recurse."""
    deepest = depth = 0
    quoted = skipped = False
    for byte in body:
        if quoted:
            if skipped:
                skipped = False
            elif byte == 0x5C:
                skipped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEEPEST:
                return deepest
        elif byte in b"]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for key, value in pairs:
        if key in held:
            raise ValueError(f"the key {key[:80]!r} stands twice in one object")
        held[key] = value
    return held


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is larger than any number read here")
    return number


def _exact(digits: str) -> int:
    number = int(digits)
    if abs(number) > LARGEST_INTEGER:
        raise ValueError(f"{digits[:40]} is beyond 2^53, where readers differ; send it as a string")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
