"""Resume: after a start, take up again whatever is not finished. The ledger says what that is; nobody has to remember anything."""

from __future__ import annotations

from app.incidents import decide, execute, investigate
from app.incidents.desk import Desk
from app.ledger import executions, incidents, proposals, runs


async def resume(desk: Desk) -> list[str]:
    """What was taken up again, as sentences for the log. Harmless when nothing was left."""
    async with desk.ledger.read() as tx:
        left = await runs.unfinished(tx)
        begun = await executions.unfinished(tx)
        unverified = await executions.unverified(tx)
        approved = [
            held.proposal
            for incident in {each.id: each for each in (*await incidents.list_open(tx), *await incidents.list_recent(tx))}.values()
            for held in await proposals.for_incident(tx, incident.id, states={"approved"})
        ]
    told = []
    for execution in begun:
        await execute.take_up(desk, execution)
        told.append(f"execution {execution.id} was cut off: read back")
    for run in left:
        await desk.jobs.submit(investigate.JOB, {"run": run.id}, key=f"{investigate.JOB}:{run.id}", lock=run.incident)
        told.append(f"run {run.id} goes on")
    for proposal in approved:
        await decide.submit(desk, proposal)
        told.append(f"{proposal.name} was approved and never started: it starts")
    for execution in unverified:
        await desk.jobs.submit(execute.VERIFY, {"execution": execution.id}, key=f"{execute.VERIFY}:{execution.id}")
        told.append(f"execution {execution.id} is verified")
    return told
