"""`firstmate policy why`, on a ledger that the verbs wrote."""

from __future__ import annotations

from pathlib import Path

from app.policy.policy import load
from tests.integration.test_bad_input import firstmate, one_sentence
from tests.unit.incidents.world import POLICY, opened


async def test_it_says_what_is_in_the_way_and_who_may_press(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    settings = {
        "FIRSTMATE_DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.db'}",
        "FIRSTMATE_POLICY_FILE": str(tmp_path / "policy.yaml"),
    }
    async with opened(tmp_path) as world:
        proposal = await world.proposed((await world.declared()).id)
    told = firstmate("policy", "why", proposal.name, folder=tmp_path, **settings)
    assert "fine   DryRunPassed: its dry run passed" in told.stdout
    # the world's clock stands in another year: on today's it has expired, and that comes first
    assert told.returncode == 1
    assert f"Now: no, {proposal.name} expired" in told.stdout
    assert load(POLICY).version[:12] not in told.stdout  # nothing about versions where they are the same
    (tmp_path / "policy.yaml").write_text("format: 1\n", encoding="utf-8")
    told = firstmate("policy", "why", proposal.name, folder=tmp_path, **settings)
    assert "no     PolicyPresent: the policy names no approvers" in told.stdout
    assert "It was proposed under policy" in told.stdout


def test_a_proposal_that_is_not_there_and_a_ledger_that_is_not_there_are_one_sentence(tmp_path: Path) -> None:
    assert "holds no ledger" in one_sentence(firstmate("policy", "why", "p-7f3ac91e", folder=tmp_path))
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    told = one_sentence(firstmate("policy", "why", "p-7f3ac91e", folder=tmp_path, FIRSTMATE_DATABASE_URL=database))
    assert "there is no proposal p-7f3ac91e" in told
    assert "names no proposal" in one_sentence(firstmate("policy", "why", "it", folder=tmp_path, FIRSTMATE_DATABASE_URL=database))
