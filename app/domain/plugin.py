"""What a file in a plug-in folder exposes. The folder is the registry: `CONNECTOR`, `ACTION`, one object per file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

S = TypeVar("S", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True)
class Health:
    """One line of `firstmate doctor`: what was tried, and when it failed, what to do."""

    ok: bool
    line: str


@dataclass(frozen=True)
class Plugin(Generic[S, T]):
    """One plug-in: its own small settings class (read from the environment by main, never by itself) and how it is opened.

    `settings` is a pydantic-settings class with `env_prefix="FIRSTMATE_<NAME>_"`. `configured` says whether these settings
    are meant to be used at all (a URL is set); a half-set one raises `Misconfigured` from `open`.
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
