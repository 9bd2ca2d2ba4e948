"""`firstmate audit`, on a ledger that the verbs wrote."""

from __future__ import annotations

from pathlib import Path

from tests.integration.test_bad_input import firstmate, one_sentence
from tests.unit.incidents.world import opened


async def test_the_trail_is_checked_and_exported(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.proposed((await world.declared()).id)
        await world.desk.roots.seal()
    settings = {"FIRSTMATE_AUDIT_DIR": str(tmp_path / "audit"), "FIRSTMATE_DATA_DIR": str(tmp_path)}
    settings |= {"FIRSTMATE_DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.db'}"}
    told = firstmate("audit", "verify", folder=tmp_path, **settings)
    assert told.returncode == 0
    assert "they hold" in told.stdout
    out = tmp_path / "out"
    told = firstmate("audit", "export", str(out), "--from", "2000-01-01", "--to", "2100-01-01", folder=tmp_path, **settings)
    assert told.returncode == 0, told.stderr
    assert "1 proposal and" in told.stdout
    assert sorted(path.name for path in out.iterdir()) == ["audit.jsonl", "manifest.json", "proposals.csv", "roots.jsonl"]
    again = firstmate("audit", "export", str(out), "--from", "2000-01-01", "--to", "2100-01-01", folder=tmp_path, **settings)
    assert "is in use" in one_sentence(again)
    wrong = firstmate("audit", "export", str(tmp_path / "x"), "--from", "soon", "--to", "2100-01-01", folder=tmp_path, **settings)
    assert "--from soon is no day" in one_sentence(wrong)


def test_without_a_ledger_it_says_so(tmp_path: Path) -> None:
    assert "holds no ledger" in one_sentence(firstmate("audit", "verify", folder=tmp_path))
