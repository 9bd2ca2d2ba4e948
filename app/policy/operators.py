"""People at a shell: a key, enrolled in the policy file, is one Slack user. Whoever has none only reads there."""

from __future__ import annotations

import base64
import binascii

from pydantic import Field, field_validator

from app.policy.parts import Part, slack_ids

PREFIX = "ed25519:"
_BYTES = 32


class Operator(Part):
    """Whose signature counts as whose word. One person may have several keys; a key is one person's."""

    person: str
    key: str = Field(max_length=100)  # ed25519: and the public key, base64

    @field_validator("person")
    @classmethod
    def _slack_id(cls, person: str) -> str:
        return slack_ids((person,))[0]

    @field_validator("key")
    @classmethod
    def _key(cls, key: str) -> str:
        if public_bytes(key) is None:
            raise ValueError(f"{key[:60]!r} is no key; `firstmate key` makes one and prints the line that goes here")
        return key


def public_bytes(key: str) -> bytes | None:
    """The 32 bytes of an Ed25519 public key as the policy file writes it; None for anything else, in any other spelling."""
    try:
        told = base64.b64decode(key.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return told if key == written(told) and len(told) == _BYTES else None


def written(public: bytes) -> str:
    """As the policy file writes it."""
    return PREFIX + base64.b64encode(public).decode("ascii")
