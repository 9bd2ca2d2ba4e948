"""Reload: the policy file counts as it is now, without a restart. A broken one changes nothing, and is said and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from app.domain.errors import Misconfigured
from app.incidents.desk import FIRSTMATE, Desk, proposal_card_key
from app.ledger import audit, outbox, proposals
from app.policy.policy import Policy

log = structlog.get_logger()

ReadPolicy = Callable[[], Policy | None]
"""The policy file as it is now; None where there is none. Raises `Misconfigured` with a sentence that names the fault."""


class Reload:
    """What waits for a press or for its run is judged by the policy of that moment; only new proposals carry its version."""

    def __init__(self, desk: Desk, read: ReadPolicy) -> None:
        self._desk, self._read = desk, read
        self._fault = ""

    async def look(self) -> None:
        """Take over what the file says now. Nothing is written while it says the same."""
        try:
            policy = await asyncio.to_thread(self._read)
        except Misconfigured as error:
            await self._keep(str(error))
            return
        self._fault = ""
        if policy != self._desk.policy:
            await self._take(policy)

    async def _take(self, policy: Policy | None) -> None:
        desk, before = self._desk, self._desk.policy
        now = desk.clock()
        try:
            async with desk.ledger.write() as tx:
                await audit.append(
                    tx,
                    audit.Action.POLICY_LOADED,
                    at=now,
                    actor=FIRSTMATE,
                    surface="jobs",
                    policy=policy.version if policy else "",
                    subject="policy",
                    payload={"before": before.version if before else ""},
                )
                for held in await proposals.in_state(tx, "proposed"):  # their cards name who may press
                    await outbox.put_refresh(tx, held.incident, proposal_card_key(held.hash), at=now, lane="decision")
                # Inside: whoever writes next to us is judged by one policy from the beginning of the transaction to its end.
                desk.policy = policy
        except BaseException:  # whatever kept it from being recorded, a cancelled job too: what is not recorded does not count
            desk.policy = before
            raise
        log.info("policy.loaded", action="policy.loaded", version=policy.version if policy else "none: nobody may approve anything")

    async def _keep(self, fault: str) -> None:
        if fault == self._fault:
            return
        desk = self._desk
        async with desk.ledger.write() as tx:
            await audit.append(
                tx,
                audit.Action.POLICY_REFUSED,
                at=desk.clock(),
                actor=FIRSTMATE,
                surface="jobs",
                policy=desk.policy_version,
                subject="policy",
                payload={"reason": fault[:1000]},
            )
        self._fault = fault
        log.error("policy.kept", action="policy.kept", why=fault, then="what it said before still counts; mend it")
