"""What a file in a plug-in folder exposes. The folder is the registry: `CONNECTOR`, `ACTION`, one object per file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, Generic, Protocol, TypeVar, runtime_checkable
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode

from app.domain.errors import Misconfigured

S = TypeVar("S", bound=BaseSettings)
T = TypeVar("T")


def _words(given: object) -> object:
    if not isinstance(given, str):
        return given
    told = _json(given, "[", "words between commas, such as a,b")
    return [word.strip() for word in given.split(",") if word.strip()] if told is None else told


def _pairs(given: object) -> object:
    if not isinstance(given, str):
        return given
    form = "pairs between commas, such as a=1,b=2"
    if (told := _json(given, "{", form)) is not None:
        return told
    pairs = [pair.partition("=") for pair in given.split(",") if pair.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError(f"must be {form}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _json(given: str, opened_by: str, form: str) -> object:
    if not given.lstrip().startswith(opened_by):
        return None
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ValueError(f"must be {form}, or the same as JSON") from None


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
"""A setting that is a list: `a,b` in the environment; a JSON list is taken too."""
Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)]
"""A setting that says what belongs to what: `a=1,b=2` in the environment; a JSON object is taken too."""


def checked_address(url: str, *, variable: str, example: str) -> str:
    """`url` when it is http(s) with a host, before anything is sent to it. Raises Misconfigured, naming the variable."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if "[" in parts.netloc:
            ip_address(host.partition("%")[0])
        usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable:
        raise Misconfigured(f"{variable} must be an http or https address, such as {example}")
    return url


@dataclass(frozen=True)
class Health:
    """One line of `firstmate doctor`: what was tried, and when it failed, what to do."""

    ok: bool
    line: str


@dataclass(frozen=True)
class Plugin(Generic[S, T]):
    """One plug-in: its own small settings class (read from the environment by main, never by itself) and how it is opened.

    `settings` is a pydantic-settings class with `env_prefix="FIRSTMATE_<NAME>_"`. `configured` says whether these settings
    are meant to be used at all (a URL is set); a half-set one raises `Misconfigured` from `open`. The contract tests open it with
    the first of each field's `examples`, in an empty folder, with a server of their own behind every `…url`.
    """

    name: str
    summary: str
    settings: type[S]
    configured: Callable[[S], bool]
    open: Callable[[S], T]


@runtime_checkable
class Checkable(Protocol):
    """A connector or action that can be asked how it is, and closed."""

    async def check(self) -> Health: ...

    async def close(self) -> None: ...


AnyPlugin = Plugin[Any, Any]
