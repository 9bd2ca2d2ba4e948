from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.action import Call, Effects, Preview
from app.domain.proposal import Criterion, Proposal
from app.domain.value import canonical, digest
from app.domain.window import Window

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def proposal(**fields: Any) -> Proposal:
    known: dict[str, Any] = {
        "incident": "INC-0001",
        "call": Call(action="undo", arguments={"service": "back"}),
        "effects": Effects(target="shop/service/back", sentence="roll back", blast_radius="back"),
        "tier": 1,
        "precondition": {"version": "1.8.0"},
        "criterion": None,
        "preview": Preview(ok=True, lines=()),
        "policy": "p",
        "asked_by": "proposer@1.0.0",
        "asked_at": NOON,
        "expires_at": NOON + timedelta(minutes=30),
        "why": "w",
    }
    return Proposal.of(**{**known, **fields})


CHANGED: dict[str, Any] = {
    "incident": "INC-0002",
    "call": Call(action="undo", arguments={"service": "back", "force": True}),
    "effects": Effects(target="shop/service/other", sentence="roll back", blast_radius="back"),
    "tier": 2,
    "precondition": {"version": "1.8.1"},
    "criterion": Criterion(source="s", query="q", comparison="<=", threshold=1, hold_s=1, within_s=2, sentence="q at 1 or less"),
    "preview": Preview(ok=False, lines=()),
    "policy": "q",
    "asked_by": "U1",
    "asked_at": NOON + timedelta(seconds=1),
    "expires_at": NOON + timedelta(minutes=31),
    "why": "x",
    "if_we_wait": "it grows",
    "hypothesis": "back",
    "findings": ("f1",),
    "undoes": "0" * 64,
}


def test_every_field_but_the_hash_is_in_the_hash() -> None:
    assert set(CHANGED) == set(Proposal.model_fields) - {"hash"}
    hashes = {proposal().hash, *(proposal(**{name: value}).hash for name, value in CHANGED.items())}
    assert len(hashes) == len(CHANGED) + 1


def test_what_was_altered_does_not_hash_to_its_name() -> None:
    sound = proposal()
    assert sound.recomputed_hash() == sound.hash
    assert sound.model_copy(update={"tier": 0}).recomputed_hash() != sound.hash


def test_it_survives_being_stored() -> None:
    sound = proposal(**CHANGED)
    read = Proposal.model_validate_json(sound.model_dump_json())
    assert read == sound
    assert read.recomputed_hash() == sound.hash
    assert sound.name == "p-" + sound.hash[:8]


def test_values_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError):
        proposal(approved=True)
    with pytest.raises(ValidationError):
        proposal().tier = 0
    with pytest.raises(ValidationError):
        Window(start=NOON, end=NOON - timedelta(seconds=1))
    with pytest.raises(ValidationError):
        Window(start=NOON.replace(tzinfo=None), end=NOON)


@pytest.mark.parametrize(
    ("comparison", "value", "met"), [("<=", 1.0, True), ("<=", 1.01, False), (">=", 1.0, True), (">=", 0.99, False)]
)
def test_a_criterion_is_met_at_its_threshold(comparison: Any, value: float, met: bool) -> None:
    stated = Criterion(source="s", query="q", comparison=comparison, threshold=1.0, hold_s=1, within_s=2, sentence="s")
    assert stated.met_by(value) is met
    assert not stated.met_by(float("nan"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # surrogates are no characters: what holds one is refused where it comes in
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), JSON, max_size=5))
def test_the_same_content_has_the_same_bytes_in_whatever_order(body: dict[str, Any]) -> None:
    turned = dict(reversed(list(body.items())))
    assert canonical(turned) == canonical(body)
    assert digest(turned) == digest(body)
    assert len(digest(body)) == 64
