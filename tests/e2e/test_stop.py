"""`/incident stop` over Slack, and `firstmate stop` at a shell: what waits is not approved any more, and whoever comes sees why."""

from __future__ import annotations

from pathlib import Path

from app.incidents.desk import proposal_card_key
from app.ledger import outbox, outcomes
from tests.e2e.conftest import Start
from tests.e2e.test_press import proposed, told
from tests.integration.test_bad_input import firstmate, one_sentence


async def test_a_stopped_incident_approves_nothing_until_its_commander_lets_it_go_on(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    await rig.slack.command("U02BOB", card.channel, "/incident", "stop the vendor is on it")
    assert await told(rig, "U02BOB") == "Stopped: the actions of INC-0001 wait."
    assert any("stopped the actions of INC-0001: the vendor is on it" in each.text for each in rig.slack.messages(card.channel))
    assert "stopped the actions" in str(card.blocks)
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert "U02BOB stopped the actions of INC-0001" in (await told(rig, "U01ALICE")).replace("<@U02BOB>", "U02BOB")
    assert rig.tool.versions["checkout"] != "1.7.2"
    await rig.slack.command("U01ALICE", card.channel, "/incident", "stop off they are done")
    assert await told(rig, "U01ALICE") == "Lifted: the actions of INC-0001 may run again."
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert await told(rig, "U01ALICE") == f"Approved {proposal.name}; it runs now."
    assert rig.tool.versions["checkout"] == "1.7.2"
    assert rig.slack.violations == []


async def test_without_a_reason_or_an_incident_the_right_form_is_said(start: Start) -> None:
    rig = await start()
    await rig.slack.command("U01ALICE", "general", "/incident", "stop")
    assert "/incident stop WHY" in await told(rig, "U01ALICE")
    await rig.slack.command("U01ALICE", "general", "/incident", "stop it smokes")
    assert "this is no incident's channel" in await told(rig, "U01ALICE")
    await rig.slack.command("U03CARO", "general", "/incident", "stop all it smokes")
    assert "stop_all" in await told(rig, "U03CARO")


async def test_an_open_breaker_is_said_on_the_card_and_closed_by_the_commander(start: Start) -> None:
    rig = await start()
    proposal, card = await proposed(rig)
    async with rig.ledger.write() as tx:
        held = await outcomes.breaker(tx, proposal.asked_by, proposal.call.action)
        await outcomes.set_breaker(tx, held.model_copy(update={"opened_at": rig.desk.clock()}))
        await outbox.put_refresh(tx, proposal.incident, proposal_card_key(proposal.hash), at=rig.desk.clock())
    await rig.slack.wait_for(lambda: "the breaker for shop_rollout_undo by proposer@" in str(card.blocks))
    await rig.slack.press("U02BOB", card.ts, "Approve")
    assert f"stop off {proposal.name} WHY" in await told(rig, "U02BOB")
    await rig.slack.command("U03CARO", card.channel, "/incident", f"stop off {proposal.name} I like it")
    assert "who may close a breaker is the commander of INC-0001" in (await told(rig, "U03CARO")).lower().replace("inc-", "INC-")
    await rig.slack.command("U01ALICE", card.channel, "/incident", f"stop off {proposal.name} they were right")
    assert "may be approved again" in await told(rig, "U01ALICE")
    await rig.slack.press("U02BOB", card.ts, "Approve")
    assert await told(rig, "U02BOB") == f"Approved {proposal.name}; it runs now."
    assert rig.slack.violations == []


def test_at_a_shell_everything_is_stopped_and_let_go_on(tmp_path: Path) -> None:
    elsewhere = one_sentence(firstmate("stop", "it smokes", folder=tmp_path))
    assert "nothing would be stopped; set FIRSTMATE_DATA_DIR" in elsewhere  # worse than no answer: to believe that it stands still
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "inbox.sqlite").touch()
    assert "say why" in one_sentence(firstmate("stop", folder=tmp_path))
    said = firstmate("stop", "the database is being restored", folder=tmp_path)
    assert said.returncode == 0
    path = tmp_path / "data" / "STOP"
    assert str(path) in said.stdout
    assert "the database is being restored" in path.read_text()
    assert firstmate("stop", "--off", folder=tmp_path).returncode == 0
    assert not path.exists()
    assert "nothing is stopped here" in one_sentence(firstmate("stop", "--off", folder=tmp_path))
