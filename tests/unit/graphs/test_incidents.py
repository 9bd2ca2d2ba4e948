"""The whole engine on made-up incidents; `python -m tests.unit.graphs.incidents.run 0,1,2` runs all of them by any seed."""

from __future__ import annotations

import pytest

from tests.unit.graphs.incidents.fourth import FOURTH
from tests.unit.graphs.incidents.guilty import GUILTY
from tests.unit.graphs.incidents.innocent import NONE
from tests.unit.graphs.incidents.more import MORE
from tests.unit.graphs.incidents.run import diagnose, incident_of
from tests.unit.graphs.incidents.third import THIRD

STORIES = {story.name: story for story in (*GUILTY, *NONE, *MORE, *THIRD, *FOURTH)}


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("deadline too short", 0),
        ("deadline too long", 1),
        ("pool too small", 2),
        ("cache forgets too soon", 1),
        ("missing value not expected", 1),
        ("not waited for", 0),
        ("seconds taken for milliseconds", 0),
        ("flag switched on", 1),
        ("one query for each row", 2),
        ("wrong address", 0),
        ("column renamed", 1),
        ("memory never given back", 0),
        ("stricter input", 0),
        ("too many connections", 0),
        ("never closed", 1),
        ("swallowed failure", 0),
        ("header no longer sent", 0),
        ("wrong secret", 0),
        ("serial instead of parallel", 0),
        ("one transaction for all rows", 0),
        ("acknowledged before it is done", 1),
        ("a pattern that backtracks", 1),
        ("search anywhere", 0),
        ("work left running", 1),
        ("workers by default", 0),
        ("workers by default", 1),
        ("a query loses a condition", 2),
        ("renegotiation no longer allowed", 0),
    ],
)
async def test_the_guilty_change_is_named_among_innocent_ones_with_its_repair(name: str, seed: int) -> None:
    out = await diagnose(incident_of(STORIES[name], seed))
    assert out.right, out.said.hypotheses[0].statement
    assert out.repaired


@pytest.mark.parametrize("name", [story.name for story in STORIES.values() if not story.edits])
async def test_no_change_is_blamed_where_none_is_guilty_however_near_it_comes(name: str) -> None:
    out = await diagnose(incident_of(STORIES[name], 1))
    assert out.right, out.said.hypotheses[0].statement


@pytest.mark.parametrize(
    "name", ["provider is down", "a cloud region is impaired", "more users than ever", "a certificate ran out", "a machine dies",
             "one message that cannot be read"]
)  # fmt: skip
async def test_what_comes_from_outside_gets_the_repair_it_needs_and_no_rollback(name: str) -> None:
    out = await diagnose(incident_of(STORIES[name], 0))
    assert out.repaired, out.said.hypotheses[0].remediation


def test_the_same_seed_makes_the_same_incident() -> None:
    one, other = (incident_of(STORIES["pool too small"], 3) for _ in range(2))
    assert one.made == other.made
    assert one.logs_table.frame.equals(other.logs_table.frame)
    assert (one.table.values == other.table.values).all()
