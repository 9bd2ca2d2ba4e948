"""The policy file is edited while everything runs: what it says now counts, for what waits as well."""

from __future__ import annotations

from pathlib import Path

from tests.drills.stack import POLICY, stack


async def test_an_edited_policy_counts_without_a_restart_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        policy = s.data / "policy.yaml"
        incident = await s.declare()
        card, worker = await s.proposal(incident), s.work()

        policy.write_text("format: 2")
        await s.until("the fault is recorded", lambda: s.count("audit", "action = 'firstmate:policy:refuse'"))
        assert "policy.kept" in s.log()

        policy.write_text(POLICY.replace("U02BOB", "U03CAROL"))
        await s.until("the new one counts", lambda: s.count("audit", "action = 'firstmate:policy:load'"))
        await s.slack.press("U02BOB", card.ts, "approve")
        await s.until("Bob is refused", lambda: s.count("audit", "action = 'policy:proposal:refuse'"))

        policy.write_text(POLICY)
        await s.until("the old one counts again", lambda: s.count("audit", "action = 'firstmate:policy:load'") == 2)
        await s.approve(incident)
        await s.until("it ran", lambda: s.count("proposals", "state = 'done'"))
        await s.rest()
        assert s.work() == worker
        assert s.count("audit", "action = 'firstmate:policy:refuse'") == 1
        wrong = await s.wrong()
        print(s.summary("policy edited while it counts", wrong))
        assert wrong == [], wrong
