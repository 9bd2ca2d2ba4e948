"""What is handed in at a shell: a signed yes, through the same inbox and judged by the same verb as any press."""

from __future__ import annotations

from app.incidents.confirm import confirm, read
from app.incidents.desk import Desk
from app.jobs.intake import Handle
from app.ledger.deliveries import Pending

APPROVAL = "shell.approval"
"""The kind of delivery."""
COUNTED = "counted: "
"""What the outcome of one that counts begins with."""


def handlers(desk: Desk) -> dict[str, Handle]:
    async def approved(delivery: Pending) -> str:
        decided = await confirm(desk, read(delivery.body))
        return (COUNTED if decided.counted else "") + decided.sentence

    return {APPROVAL: approved}
