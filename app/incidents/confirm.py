"""Confirm: a yes that was signed at a shell. The key says who it is; policy and the ledger judge it like any press.

It works while Slack is down. Whether the person is still a full member is asked of Slack whenever it answers.
"""

from __future__ import annotations

from app.domain.errors import BadInput
from app.domain.statement import CLOCKS_APART, LIVES, Signed
from app.incidents.decide import Decided, decide
from app.incidents.desk import Desk
from app.ledger import audit, incidents, proposals
from app.ledger.confirmations import Confirmation
from app.policy.operators import public_bytes

SURFACE = "shell"


async def confirm(desk: Desk, signed: Signed) -> Decided:
    """Raises `NotFound` for an unknown proposal. Whatever is refused is recorded."""
    said, now = signed.statement, desk.clock()
    keys = desk.policy.keys_of(said.by) if desk.policy else ()
    key = next((each for each in keys if (public := public_bytes(each)) and signed.made_with(public)), None)
    if key is None:
        why = (
            f"no key that the policy file names for {said.by} made this signature; `firstmate key {said.by}` prints the line for it"
        )
        return await _refused(desk, signed, why)
    if not now < said.expires_at <= now + LIVES + CLOCKS_APART:
        told = "is over its time" if now >= said.expires_at else "is dated ahead: set this machine's clock"
        return await _refused(desk, signed, f"this signature {told}; sign anew with `firstmate approve`")
    confirmation = Confirmation(
        nonce=said.nonce, proposal=said.proposal, by=said.by, key=key, at=now, expires_at=said.expires_at, counted=True
    )
    return await decide(
        desk, proposal=said.proposal, decision="approve", by=said.by, surface=SURFACE, typed=said.typed, signed=confirmation
    )


async def _refused(desk: Desk, signed: Signed, reason: str) -> Decided:
    """The name in it is a claim that nothing proves, so it is not the row's actor."""
    async with desk.ledger.write() as tx:
        held = await proposals.get(tx, signed.statement.proposal)
        await incidents.get(tx, held.proposal.incident)
        await audit.append(
            tx,
            audit.Action.REFUSED,
            incident=held.proposal.incident,
            at=desk.clock(),
            actor="somebody at a shell",
            surface=SURFACE,
            policy=desk.policy_version,
            proposal=held.proposal.hash,
            subject=held.proposal.effects.target,
            payload={"reason": reason, "claimed": signed.statement.by, "nonce": signed.statement.nonce},
        )
    return Decided(counted=False, complete=False, sentence=f"Refused: {reason}.")


def read(body: object) -> Signed:
    """What was handed in. Raises `BadInput`."""
    try:
        return Signed.model_validate(body)
    except ValueError as error:
        raise BadInput("this is no signed approval; make one with `firstmate approve`") from error
