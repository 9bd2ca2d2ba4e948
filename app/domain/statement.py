"""What a person signs at a shell: yes to exactly one proposal, for a few minutes, once.

Stored and sent format: the signature is over the RFC 8785 form of the statement. `format` is part of it, so that a signature made
for anything else never reads as a yes. Fields may not be added: make another format.
"""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field

from app.domain.value import AwareDatetime, Value, canonical

LIVES = timedelta(minutes=5)
"""How long a signed yes counts, from when it was signed."""
CLOCKS_APART = timedelta(seconds=30)
"""How far the clock of whoever signs may be ahead of ours."""


class Statement(Value):
    """`typed`: the resource's name as its approver typed it. `nonce`: 32 hex digits, never used again."""

    format: Literal["firstmate-approval/1"] = "firstmate-approval/1"
    proposal: str = Field(pattern=r"^[0-9a-f]{64}$")
    by: str = Field(max_length=40)
    typed: str = Field(default="", max_length=300)
    nonce: str = Field(pattern=r"^[0-9a-f]{32}$")
    expires_at: AwareDatetime

    def to_sign(self) -> bytes:
        return canonical(self.model_dump(mode="json"))


class Signed(Value):
    """A statement and its signature, base64."""

    statement: Statement
    signature: str = Field(max_length=100)

    def made_with(self, public: bytes) -> bool:
        """Whether it was signed with the private half of this key."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(
                base64.b64decode(self.signature, validate=True), self.statement.to_sign()
            )
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True
