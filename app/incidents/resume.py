"""Resume: take up again whatever is not finished, after a start and while the process lives.

The ledger says what that is; nobody has to remember anything.
"""

from __future__ import annotations

from collections.abc import Callable

from app.domain.value import JsonObject
from app.incidents import decide, execute, investigate, set_aside
from app.incidents.desk import Desk
from app.ledger import executions, proposals, runs


async def resume(desk: Desk, *, live: Callable[[str], bool]) -> list[str]:
    """What was taken up again, as sentences for the log. Harmless when nothing was left.

    `live`: whether a job of this key waits or runs; what such a job works on is left to it.
    """
    told = await set_aside.set_aside(desk, live=live)
    async with desk.ledger.read() as tx:
        left = await runs.unfinished(tx)
        begun = await executions.unfinished(tx)
        unverified = await executions.unverified(tx)
        approved = await proposals.in_state(tx, "approved")

    async def again(kind: str, payload: JsonObject, *, key: str, what: str, lock: str | None = None) -> None:
        if not live(key):
            await desk.jobs.submit(kind, payload, key=key, lock=lock)
            told.append(what)

    for execution in begun:
        await again(
            execute.TAKE_UP,
            {"execution": execution.id},
            key=decide.job_key(execution.proposal),
            what=f"execution {execution.id} was cut off: it is read back",
        )
    for run in left:
        key = investigate.job_key(run.id)
        await again(investigate.JOB, {"run": run.id}, key=key, lock=run.incident, what=f"run {run.id} goes on")
    for held in approved:
        await again(
            decide.EXECUTE,
            {"proposal": held.hash},
            key=decide.job_key(held.hash),
            lock=decide.job_lock(held.incident),
            what=f"p-{held.hash[:8]} was approved and never started: it starts",
        )
    for execution in unverified:
        key = execute.verify_key(execution.id)
        payload: JsonObject = {"execution": execution.id}
        await again(execute.VERIFY, payload, key=key, what=f"execution {execution.id} is verified")
    return told
