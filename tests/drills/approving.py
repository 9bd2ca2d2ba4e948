"""One approved rollback from press to end, in a process of its own that may be killed anywhere: the real verbs on a real ledger, a
deploy tool in another process that does what it is asked as often as it is asked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.actions.shop_client import ShopClient
from app.actions.shop_rollout_undo import ShopRolloutUndo
from app.domain.action import Call
from app.domain.agent import Agent
from app.domain.approval import Person
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.domain.proposal import Proposal
from app.incidents import decide, execute, investigate, resume, verify
from app.incidents.declare import declare
from app.incidents.desk import Desk, Windows
from app.incidents.propose import propose
from app.jobs.runner import InProcessRunner
from app.ledger import ledger as ledgers
from app.ledger import proposals
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key
from app.policy.policy import load
from tests.gates import size

POLICY = """
format: 1
approvers:
  - target: shop/service/*
    people: [UAPPROVER]
open_proposals: 50
presses_per_hour: 1000
breaker: {bad_ends: 100}
storm: {most_incidents: 1000}
"""
BY = "UCOMMANDER"
ACKNOWLEDGED = "ACKNOWLEDGED"
CHECKPOINT_PAGES = size(full=20, small=1000)
"""After how many pages SQLite moves its write-ahead log into the file: in full often, to die in the middle of that as well."""


@asynccontextmanager
async def desk_on(folder: Path, url: str) -> AsyncIterator[tuple[Desk, InProcessRunner]]:
    """Jobs are those of the work process, and not started yet."""

    async def people(id: str) -> Person | None:
        return Person(id=id, team="THOME")

    async def triage(incident: str, run: str, scope: Scope) -> Diagnosis:
        raise NotImplementedError  # nothing is investigated here

    ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    shop, runner = ShopClient(url), InProcessRunner(retries_s=())
    try:
        yield (
            Desk(
                ledger=ledger,
                clock=lambda: datetime.now(UTC),
                jobs=runner,
                policy=load(POLICY),
                actions={ShopRolloutUndo.name: ShopRolloutUndo(shop)},
                metrics={},
                windows=Windows(lookback_s=600, reference_s=1800, settle_s=0),
                triage=triage,
                judge=Agent(name="judge", version="1.0.0"),
                people=people,
                home_team="THOME",
                roots=Roots(ledger, folder / "audit", key=own_key(folder / "audit.key"), clock=lambda: datetime.now(UTC)),
            ),
            runner,
        )
    finally:
        await runner.stop(grace_s=0)
        await shop.close()
        await ledger.close()


async def start_jobs(desk: Desk, runner: InProcessRunner, *, verified: bool = True) -> None:
    async def act(payload: Any) -> None:
        await execute.execute(desk, str(payload["proposal"]))

    async def take_up(payload: Any) -> None:
        await execute.take_up(desk, str(payload["execution"]))

    async def watch(payload: Any) -> None:
        if verified:
            await verify.verify(desk, str(payload["execution"]))

    async def leave(payload: Any) -> None:
        return None  # triage is not what is drilled here

    await runner.start({investigate.JOB: leave, decide.EXECUTE: act, execute.TAKE_UP: take_up, execute.VERIFY: watch})


async def waiting(desk: Desk, services: list[str], *, by: str = BY) -> list[Proposal]:
    """One proposal for each service, each of an incident of its own, which `by` commands."""
    made = []
    for service in services:
        incident = await declare(desk, title=f"{service} fails", by=by, surface="test", service=service)
        arguments: Any = {"service": service, "from_version": "1.8.0", "to_version": "1.7.2"}
        call = Call(action=ShopRolloutUndo.name, arguments=arguments)
        made.append(
            await propose(
                desk, incident=incident.id, call=call, asked_by="proposer@1.0.0", by_agent=True, surface="test", why="it fails"
            )
        )
    return made


async def press(folder: str, url: str, hashes: list[str], *, twin: str = "", runs: bool = True, verified: bool = True) -> None:
    """Approve each and say so on stdout the moment the person would be told; with `runs` what follows, `verified` to its end."""
    _swap_in(twin)
    async with desk_on(Path(folder), url) as (desk, runner):
        if runs:
            await start_jobs(desk, runner, verified=verified)
        for hash in hashes:
            said = await decide.decide(desk, proposal=hash, decision="approve", by=BY, surface="test")
            if said.complete:
                os.write(1, f"{ACKNOWLEDGED} {hash}\n".encode())
            if runs:
                await runner.idle()
        # Not closed: that moves the write-ahead log into the file from another thread, and strace counts by thread.
        os._exit(0)


async def carry_on(desk: Desk, runner: InProcessRunner, *, twin: str = "") -> None:
    """What the next process does: from the ledger, until nothing is left."""
    await start_jobs(desk, runner)
    if twin:
        async with desk.ledger.read() as tx:
            approved = await proposals.in_state(tx, "approved")
        for each in approved:
            await _acts_before_noting(desk, each.hash)
    await resume.resume(desk, live=runner.live)
    await runner.idle()


def _swap_in(twin: str) -> None:
    """One known-bad behaviour, in this process alone."""
    if twin == "acts-before-noting":
        execute.execute = _acts_before_noting
    if twin == "synchronous=OFF":

        def carelessly(connection: Any, _record: Any) -> None:
            ledgers._pragmas(connection, "journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON")

        ledgers._writes_durably = carelessly
    if twin == "":

        def often(connection: Any, _record: Any) -> None:
            durably(connection, _record)
            ledgers._pragmas(connection, f"wal_autocheckpoint={CHECKPOINT_PAGES}")

        durably = ledgers._writes_durably
        ledgers._writes_durably = often


async def _acts_before_noting(desk: Desk, hash: str, **_: Any) -> None:
    """Runs, then notes that it ran: what executing would be without `started` first."""
    async with desk.ledger.read() as tx:
        held = await proposals.get(tx, hash)
    if held.state != "approved":
        return
    action = desk.actions[held.proposal.call.action]
    await action.run(action.arguments.model_validate(held.proposal.call.arguments), idempotency_key=hash[:16])
    async with desk.ledger.write() as tx:
        await proposals.move(tx, hash, {"approved"}, "done", at=desk.clock())
