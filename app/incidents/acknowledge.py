"""Acknowledge: the judge's word on what a person proposed above tier 1: does what was found speak for this very target?"""

from __future__ import annotations

from app.domain.approval import Acknowledgement
from app.domain.hypothesis import Diagnosis
from app.domain.proposal import Proposal
from app.incidents.desk import Desk
from app.ledger import approvals, audit, runs
from app.ledger.ledger import Tx


async def acknowledge(desk: Desk, tx: Tx, proposal: Proposal) -> None:
    """In the transaction that stores it. Where nothing was concluded yet the judge says nothing, and its word is missing."""
    concluded = [run.diagnosis for run in await runs.for_incident(tx, proposal.incident) if run.finished_at and run.diagnosis]
    if not concluded:
        return
    said = objections(proposal, concluded[-1])
    leading = concluded[-1].hypotheses[:1]
    found = leading[0].supporting if leading else ()
    now = desk.clock()
    word = Acknowledgement(proposal=proposal.hash, agent=desk.judge, at=now, findings=found, objections=said)
    await approvals.acknowledge(tx, word)
    await audit.append(
        tx,
        audit.Action.ACKNOWLEDGED,
        incident=proposal.incident,
        at=now,
        actor=str(desk.judge),
        agent=str(desk.judge),
        surface="jobs",
        policy=desk.policy_version,
        proposal=proposal.hash,
        subject=proposal.effects.target,
        payload={"findings": list(found), "objections": list(said)},
    )


def objections(proposal: Proposal, diagnosis: Diagnosis) -> tuple[str, ...]:
    """None where the leading hypothesis is supported and names the target (its last part, exactly)."""
    if not diagnosis.hypotheses or diagnosis.verdict == "inconclusive":
        return ("triage is inconclusive: nothing that was found speaks for acting on it",)
    best, wanted = diagnosis.hypotheses[0], proposal.effects.target.rpartition("/")[2]
    if best.target != wanted:
        return (f"what was found speaks for {best.target}, not for {wanted}",)
    return () if best.verdict == "supported" else (f"the hypothesis is {best.verdict}",)
