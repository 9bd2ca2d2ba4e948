"""What every value of the domain has in common, and the one canonical form that hashes are taken over."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

__all__ = ["AwareDatetime", "JsonObject", "JsonValue", "Value", "canonical", "digest"]

JsonObject = dict[str, JsonValue]


class Value(BaseModel):
    """Frozen, compared by content, and closed: an unknown field is an error, never dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def canonical(body: Any) -> bytes:
    """RFC 8785 JSON of `body` (JSON values only). The same content gives the same bytes on every machine."""
    return rfc8785.dumps(body)


def digest(body: Any) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical(body)).hexdigest()
