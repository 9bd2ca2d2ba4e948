"""Every runbook that is shipped, and what no runbook may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import graphs
from app.domain.errors import Misconfigured
from app.domain.runbook import Matches, Runbook, Step
from app.plugins import discover
from app.runbooks import LARGEST, builtin_runbooks, read_runbook, read_runbooks
from tests.contract.given import settings_of

SHIPPED = read_runbooks(builtin_runbooks())
FRONT = "matches:\n  kinds: [latency]\nactions:\n  - action: shop_rollout_undo\n"


def text(front: str, body: str = "# Title\n\nText.\n") -> str:
    return f"---\n{front}---\n{body}"


def test_at_least_six_are_shipped() -> None:
    assert len(SHIPPED) >= 6


@pytest.mark.parametrize("runbook", SHIPPED, ids=lambda each: each.name)
async def test_each_applies_to_something_says_what_to_check_and_names_only_actions_that_exist(runbook: Runbook) -> None:
    catalogue = discover("app.actions", "ACTION")
    assert {step.action for step in runbook.actions} <= set(catalogue)
    assert runbook.title != runbook.name
    assert runbook.checks
    assert len(runbook.body.split()) > 20
    assert runbook.matches != Matches(), "it applies to nothing"
    for step in runbook.actions:
        if step.arguments is not None:
            action = catalogue[step.action].open(settings_of(catalogue[step.action]))
            action.arguments.model_validate(step.arguments)
            await action.close()


def spoken_kinds() -> list[re.Pattern[str]]:
    """Every text in `graphs` that could name a fault, and for those put together (`f"{role}_probe_{kind}"`) whatever could."""
    found: set[str] = set()
    for path in (Path(graphs.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z_]+" for part in node.values]
                if len("".join(part for part in parts if part != "[a-z_]+")) >= 6:
                    found.add("".join(parts))
    return [re.compile(each) for each in found]


def test_each_kind_it_waits_for_is_one_that_an_investigator_can_name() -> None:
    known = spoken_kinds()

    def unheard(kinds: Iterable[str]) -> set[str]:
        return {kind for kind in kinds if not any(each.fullmatch(kind) for each in known)}

    assert unheard(kind for runbook in SHIPPED for kind in runbook.matches.kinds) == set()
    assert unheard(["conection_pool", "oom"]) == {"conection_pool"}  # a misspelled kind would never match, silently


@pytest.mark.parametrize(
    ("kind", "change", "applies"),
    [
        ("connection_pool", True, {"connection-pool-exhausted", "undo-a-guilty-rollout"}),
        ("n_plus_one", True, {"slow-after-a-change", "undo-a-guilty-rollout"}),
        ("upstream", False, {"a-dependency-is-down"}),
        ("upstream", True, {"undo-a-guilty-rollout"}),
        ("missing_guard", True, {"errors-on-one-route", "undo-a-guilty-rollout"}),
        ("missing_secret", False, {"kubernetes-misconfiguration"}),
        ("oom_killed", False, {"memory-leak"}),
        ("tls_certificate", False, {"certificate-expired"}),
        ("overload", False, {"traffic-surge"}),
        (None, False, set()),
    ],
)
def test_which_runbooks_an_on_call_is_given(kind: str | None, change: bool, applies: set[str]) -> None:
    given = {each.name for each in SHIPPED if each.applies(service="back", alert="Slow", kind=kind, change=change)}
    assert given == applies


def test_what_it_says_is_read() -> None:
    runbook = read_runbook("slow", text("title: Slow\n" + FRONT + "checks:\n  - Why?\n"))
    assert (runbook.name, runbook.title, runbook.checks) == ("slow", "Slow", ("Why?",))
    assert runbook.actions == (Step(action="shop_rollout_undo"),)
    assert read_runbook("slow", text(FRONT)).title == "Title"


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("a: &x [1]\nmatches:\n  kinds: *x\n", "aliases and anchors"),
        ("matches: &x\n  kinds: [a]\n", "aliases and anchors"),
        ("checks:\n  - !!python/object/apply:os.system ['true']\n", "tags"),
        ("checks:\n  - !!str plain\n", "tags"),
        ("checks: " + "[" * 40 + "]" * 40 + "\n", "nested too deeply"),
        ("checks: " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
        ("name: another\n", "nothing else"),
        ("body: another\n", "nothing else"),
        ("tier: 0\n", "nothing else"),
        ("- a\n", "nothing else"),
        ("matches:\n  everything: true\n", "everything"),
        ("actions:\n  - action: x\n    tier: 0\n", "tier"),
        ("matches:\n  kinds: [no]\n", "kinds"),
        ("matches: [\n", "runbook bad"),
        ('title: "\\U99999999"\n', "names no character"),
        ('title: "\\ud800"\n', "names no character"),
    ],
)
def test_front_matter_is_closed_and_plain(front: str, said: str) -> None:
    with pytest.raises(Misconfigured, match="runbook bad") as refused:
        read_runbook("bad", text(front))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("whole", ["# no front matter\n", "---\nmatches: {}\n", "", "---"])
def test_without_front_matter_it_is_no_runbook(whole: str) -> None:
    with pytest.raises(Misconfigured, match="two lines of ---"):
        read_runbook("bad", whole)


def test_a_runbook_that_is_too_large_is_refused() -> None:
    with pytest.raises(Misconfigured, match="256 kB"):
        read_runbook("large", text(FRONT, "x" * LARGEST))


def test_one_that_cannot_be_read_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text(text(FRONT))
    (tmp_path / "latin.md").write_bytes(text(FRONT).encode() + b"\xff")
    with pytest.raises(Misconfigured, match="latin"):
        read_runbooks(tmp_path)
    with pytest.raises(Misconfigured, match="FIRSTMATE_RUNBOOKS_DIR"):
        read_runbooks(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("matches", "applies"),
    [
        (Matches(), False),
        (Matches(services=("back",)), True),
        (Matches(services=("Back",)), False),
        (Matches(services=("back",), kinds=("memory",)), False),
        (Matches(kinds=("latency", "memory"), alerts=("Slow",)), True),
        (Matches(change=True), True),
        (Matches(change=False), False),
        (Matches(change=True, services=("front",)), False),
    ],
)
def test_every_list_that_is_given_must_hold_the_thing_at_hand_exactly(matches: Matches, applies: bool) -> None:
    runbook = Runbook(name="x", title="x", matches=matches)
    assert runbook.applies(service="back", alert="Slow", kind="latency", change=True) is applies
