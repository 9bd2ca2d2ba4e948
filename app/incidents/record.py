"""What every step in a proposal's life leaves behind: an audit row, a line in the timeline, two cards to bring up to date."""

from __future__ import annotations

from app.domain.proposal import Proposal
from app.incidents import score
from app.incidents.desk import FIRSTMATE, INCIDENT_CARD, Desk, proposal_card_key
from app.ledger import audit, findings, outbox, supersessions, timeline
from app.ledger.ledger import Tx


async def step(
    desk: Desk,
    tx: Tx,
    proposal: Proposal,
    action: audit.Action,
    *,
    actor: str,
    surface: str,
    text: str,
    subject: str = "",
    on_behalf_of: str = "",
) -> None:
    """In the transaction of the change itself: without this row the change does not happen."""
    now = desk.clock()
    await audit.append(
        tx,
        action,
        incident=proposal.incident,
        at=now,
        actor=actor,
        on_behalf_of=on_behalf_of or (proposal.asked_by if actor == FIRSTMATE else ""),
        surface=surface,
        agent=agent_of(proposal),
        policy=desk.policy_version,
        proposal=proposal.hash,
        findings=await findings.hashes(tx, proposal.incident, proposal.findings),
        subject=subject or proposal.effects.target,
        payload={"text": text, "findings": list(proposal.findings)},
    )
    await timeline.append(tx, proposal.incident, at=now, actor=actor, text=f"{proposal.name} {text}"[:400])
    await score.note(desk, tx, proposal, action)
    await refresh(desk, tx, proposal)


async def superseded(desk: Desk, tx: Tx, proposal: Proposal, *, reason: str, text: str, surface: str, subject: str = "") -> None:
    """It will not run; its card says why, and offers to plan it again."""
    await supersessions.note(tx, proposal.hash, reason=reason, at=desk.clock())
    kind, behalf = audit.Action.SUPERSEDED, proposal.asked_by
    await step(desk, tx, proposal, kind, actor=FIRSTMATE, surface=surface, text=text, subject=subject, on_behalf_of=behalf)


def agent_of(proposal: Proposal) -> str:
    """The agent that asked for it, name@version; "" where a person did."""
    return proposal.asked_by if "@" in proposal.asked_by else ""


async def refresh(desk: Desk, tx: Tx, proposal: Proposal) -> None:
    """Both cards that show the proposal."""
    now = desk.clock()
    await outbox.put_refresh(tx, proposal.incident, proposal_card_key(proposal.hash), at=now, lane="decision")
    await outbox.put_refresh(tx, proposal.incident, INCIDENT_CARD, at=now)
