from __future__ import annotations

from app.incidents.why import why
from app.policy.decision import Allowed, Denied, Needs
from tests.unit.incidents.world import World


async def test_what_waits_says_whom_it_waits_for(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    found = await why(world.desk, proposal.name)
    assert isinstance(found.decision, Needs)
    assert found.decision.by == ("UCOMMANDER", "UAPPROVER", "USECOND")
    assert dict(found.said)["KillSwitch"] == Allowed("nothing is stopped")
    assert found.yes == ()


async def test_what_is_approved_is_asked_about_its_run(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    found = await why(world.desk, proposal.name)
    assert (found.state, found.yes) == ("approved", ("UCOMMANDER",))
    assert isinstance(found.decision, Allowed)
    gone = await why(world.with_(policy=None).desk, proposal.name)
    assert isinstance(gone.decision, Denied)
    assert "no policy" in gone.decision.reason
