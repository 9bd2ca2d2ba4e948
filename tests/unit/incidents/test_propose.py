from __future__ import annotations

from typing import Any

import pytest

from app.actions.webhook import SignedWebhook
from app.cards.proposal import proposal_card
from app.domain.action import Call
from app.domain.errors import BadInput, Denied, NotFound
from app.domain.incident import Scope
from app.incidents.propose import propose_undo
from app.incidents.thinking import LedgerStore, store_draft, trace
from app.ledger import approvals, audit, outbox, proposals, runs
from graphs.context import Draft
from graphs.contract import Report
from tests.unit.incidents.world import World, criterion, diagnosis


def to(version: str) -> Call:
    return Call(action="shop_rollout_undo", arguments={"service": "checkout", "from_version": "1.8.0", "to_version": version})


async def test_what_is_stored_is_read_back_tiered_and_named_by_its_hash(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id, criterion=criterion())
    assert proposal.tier == 1
    assert proposal.precondition == {"service": "checkout", "version": "1.8.0"}
    assert proposal.recomputed_hash() == proposal.hash
    assert proposal.policy == world.desk.policy_version
    async with world.ledger.read() as tx:
        due = await outbox.due(tx, world.clock())
    assert due[0].card == f"proposal:{proposal.hash}"
    assert due[0].lane == "decision"


async def test_the_same_call_that_waits_already_is_not_proposed_again(world: World) -> None:
    incident = (await world.declared()).id
    first = await world.proposed(incident)
    world.clock.move(seconds=5)
    assert (await world.proposed(incident)).hash == first.hash
    world.clock.at = first.expires_at
    assert (await world.proposed(incident)).hash != first.hash


async def test_people_are_not_asked_about_more_than_a_few_at_once(world: World) -> None:
    incident = (await world.declared()).id
    for n in range(5):
        await world.proposed(incident, call=to(f"1.{n}.0"))
    with pytest.raises(Denied, match="already wait"):
        await world.proposed(incident, call=to("1.9.9"))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (Call(action="drop_tables", arguments={}), NotFound, "shop_rollout_undo"),
        (Call(action="shop_rollout_undo", arguments={"service": "checkout"}), BadInput, "from_version"),
        (
            Call(
                action="shop_rollout_undo",
                arguments={"service": "x; rm -rf /", "from_version": "1", "to_version": "2"},
            ),
            BadInput,
            "service",
        ),
        (
            Call(
                action="shop_rollout_undo",
                arguments={"service": "checkout", "from_version": "1", "to_version": "2", "tier": 0},
            ),
            BadInput,
            "tier",
        ),
    ],
)
async def test_what_the_catalogue_does_not_know_exactly_is_not_proposed(
    world: World, call: Call, error: type[Exception], said: str
) -> None:
    incident = (await world.declared()).id
    with pytest.raises(error, match=said):
        await world.proposed(incident, call=call)
    async with world.ledger.read() as tx:
        assert await proposals.for_incident(tx, incident) == []


async def test_a_target_that_cannot_be_read_back_is_not_proposed(world: World) -> None:
    incident = (await world.declared()).id
    world.tool.reading = "broken"
    with pytest.raises(Exception, match="503"):
        await world.proposed(incident)


@pytest.mark.parametrize("by_agent", [True, False])
async def test_what_its_dry_run_says_would_fail_is_refused_recorded_and_shown_to_nobody(world: World, by_agent: bool) -> None:
    incident = (await world.declared()).id
    world.tool.version = "1.9.0"
    with pytest.raises(Denied, match=r"checkout runs 1\.9\.0, not 1\.8\.0; look how things are now"):
        await world.proposed(incident, by_agent=by_agent)
    async with world.ledger.read() as tx:
        assert await proposals.for_incident(tx, incident) == []
        refused = [row for row in await audit.rows(tx, incident) if row.action == audit.Action.REFUSED]
        assert not [row for row in await outbox.due(tx, world.clock()) if (row.card or "").startswith("proposal:")]
    assert [(row.actor, row.subject) for row in refused] == [("proposer@1.0.0", "shop/service/checkout")]
    assert "not 1.8.0" in str(refused[0].payload)


async def test_where_a_dry_run_cannot_be_had_the_card_says_what_there_is_instead(world: World) -> None:
    webhook = SignedWebhook("https://hooks.example/x", "0123456789abcdef")
    world = world.with_(actions={"webhook": webhook})
    call = Call(action="webhook", arguments={"event": "failover"})
    proposal = await world.proposed((await world.declared()).id, call=call)
    assert "nothing is sent before approval" in proposal_card(proposal, state="proposed", needs="x").model_dump_json()
    await webhook.close()


async def test_what_a_person_proposes_is_verified_by_what_triage_stated_for_the_same_target(world: World) -> None:
    incident = (await world.declared()).id
    assert (await world.proposed(incident, by_agent=False, asked_by="UCOMMANDER", call=to("1.6.0"))).criterion is None
    for number, threshold in enumerate((0.05, 0.01)):
        world.clock.move(seconds=1)
        await world.proposed(incident, call=to(f"1.7.{number}"), criterion=criterion(threshold=threshold))
    world.clock.move(seconds=1)
    assert (await world.proposed(incident, by_agent=False, asked_by="UCOMMANDER", call=to("1.5.0"))).criterion == criterion(
        threshold=0.01
    )


async def test_what_was_stated_for_another_target_or_in_another_incident_is_not_borrowed(world: World) -> None:
    first, second = await world.declared(), await world.declared("another")
    await world.proposed(first.id, criterion=criterion())
    elsewhere = Call(action="shop_rollout_undo", arguments={**to("1.7.2").arguments, "service": "cart"})
    for incident, call in ((first.id, elsewhere), (second.id, to("1.7.2"))):
        assert (await world.proposed(incident, by_agent=False, asked_by="UCOMMANDER", call=call)).criterion is None


async def test_an_undo_borrows_no_criterion(world: World) -> None:
    incident = (await world.declared()).id
    done = await world.proposed(incident, criterion=criterion())
    world.tool.version = "1.7.2"
    undo = await propose_undo(world.desk, done, surface="test")
    assert undo is not None
    assert undo.criterion is None


async def test_a_draft_becomes_a_proposal_with_the_judge_s_word(world: World) -> None:
    incident = await world.declared()
    async with world.ledger.read() as tx:
        run = await runs.latest(tx, incident.id)
    assert run is not None
    best = diagnosis(run.scope).hypotheses[0]
    draft = Draft(call=to("1.7.2"), runbook="undo", why="1.8.0 fails", hypothesis=best, criterion=criterion())
    for _ in range(2):  # the proposer's node may run twice
        await store_draft(world.desk, incident.id, draft, proposer="proposer@1.0.0")
    async with world.ledger.read() as tx:
        (held,) = await proposals.for_incident(tx, incident.id)
        word = await approvals.acknowledgement(tx, held.proposal.hash)
    assert word is not None
    assert word.objections == ()
    assert word.findings == best.supporting

    world.clock.move(seconds=1)
    doubtful = best.model_copy(update={"verdict": "uncorroborated"})
    await store_draft(
        world.desk, incident.id, draft.model_copy(update={"hypothesis": doubtful, "call": to("1.7.1")}), proposer="proposer@1.0.0"
    )
    async with world.ledger.read() as tx:
        other = (await proposals.for_incident(tx, incident.id))[-1]
        objecting = await approvals.acknowledgement(tx, other.proposal.hash)
    assert objecting is not None
    assert objecting.objections == ("the hypothesis is uncorroborated",)


async def test_a_draft_that_cannot_be_proposed_is_said_in_the_timeline(world: World) -> None:
    incident = await world.declared()
    world.tool.reading = "broken"
    best = diagnosis(Scope.model_validate(await scope_of(world, incident.id))).hypotheses[0]
    await store_draft(
        world.desk, incident.id, Draft(call=to("1.7.2"), runbook="undo", why="x", hypothesis=best), proposer="proposer@1.0.0"
    )
    assert any("shop_rollout_undo was not proposed" in line for line in await world.told(incident.id))


async def test_the_run_store_keeps_the_newest_report_and_the_trace_tells_who_watches(world: World) -> None:
    incident = await world.declared()
    run = f"{incident.id}/r1"
    store = LedgerStore(world.ledger, world.clock)
    found = diagnosis(Scope.model_validate(await scope_of(world, incident.id)))
    await store.save_report(run, 1, Report(investigator="metrics", findings=found.findings, queries=1))
    await store.save_report(run, 2, Report(investigator="metrics", findings=found.findings, queries=7))
    assert [report.queries for report in await store.reports(run)] == [7]
    assert await store.diagnosis(run) is None
    await store.save_diagnosis(run, found)
    assert await store.diagnosis(run) == found
    seen: list[dict[str, Any]] = []
    await trace(world.ledger, world.clock, run, seen.append)({"agent": "judge@1.0.0", "step": "weigh", "text": "x", "to": "y"})
    assert seen == [{"run": run, "agent": "judge@1.0.0", "step": "weigh", "text": "x", "to": "y"}]
    async with world.ledger.read() as tx:
        (step,) = await runs.trace(tx, run)
    assert step.details == {"to": "y"}


async def test_what_triage_found_stands_above_what_it_proposes_and_once(world: World) -> None:
    incident = await world.declared()
    run, store = f"{incident.id}/r1", LedgerStore(world.ledger, world.clock)
    found = diagnosis(Scope.model_validate(await scope_of(world, incident.id)))
    await store.save_diagnosis(run, found.model_copy(update={"stop_reason": ""}))
    assert not [line for line in await world.told(incident.id) if line.startswith("Triage: ")]
    last = found.model_copy(update={"stop_reason": "answered"})
    await store.save_diagnosis(run, last)
    draft = Draft(call=to("1.7.2"), runbook="undo", why="x", hypothesis=found.hypotheses[0])
    await store_draft(world.desk, incident.id, draft, proposer="proposer@1.0.0")
    await store.save_diagnosis(run, last)
    told = [line.split()[0] for line in await world.told(incident.id)]
    assert told[-2:] == ["Triage:", "Proposed"]
    assert told.count("Triage:") == 1


async def scope_of(world: World, incident: str) -> Any:
    async with world.ledger.read() as tx:
        run = await runs.latest(tx, incident)
    assert run is not None
    return run.scope.model_dump()
