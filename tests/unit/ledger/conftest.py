from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.action import Call, Effects, Preview
from app.domain.incident import Incident
from app.domain.proposal import Proposal
from app.ledger import incidents
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    """The integration suite runs these same tests with a PostgreSQL database here."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(ledger_url)
    yield opened
    await opened.close()


@pytest.fixture
async def incident(ledger: Ledger) -> str:
    """The id of an open incident, declared at noon."""
    declared = Incident(
        id="INC-0001",
        number=1,
        title="checkout is slow",
        severity="SEV2",
        status="investigating",
        commander="U1",
        declared_by="U1",
        declared_at=NOON,
    )
    async with ledger.write() as tx:
        await incidents.add(tx, declared)
    return declared.id


@pytest.fixture
def propose(incident: str) -> Callable[..., Proposal]:
    """A sound proposal of tier 1 for that incident; any field may be given."""

    def build(**fields: object) -> Proposal:
        known: dict[str, object] = {
            "incident": incident,
            "call": Call(action="rollout_undo", arguments={"service": "checkout", "to": "1.7.2"}),
            "effects": Effects(
                target="shop/service/checkout",
                sentence="rollout undo shop/checkout: 1.8.0 -> 1.7.2",
                blast_radius="checkout restarts",
                undo=Call(action="rollout_redo", arguments={"service": "checkout", "to": "1.8.0"}),
            ),
            "tier": 1,
            "precondition": {"version": "1.8.0", "share": 0.5},
            "criterion": None,
            "preview": Preview(ok=True, lines=("would change 1 service",)),
            "policy": "0" * 64,
            "asked_by": "proposer@1.0.0",
            "asked_at": NOON,
            "expires_at": NOON + timedelta(minutes=30),
            "why": "1.8.0 came with the errors",
        }
        return Proposal.of(**{**known, **fields})

    return build
