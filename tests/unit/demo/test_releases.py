"""Versions, edits and names: every fault's edits fit the sources they are made for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.demo.faults import FAULTS, Fault, plan
from app.demo.names import ALL, ENTRY_POINT, FLAGS, SERVICES, Names
from app.demo.releases import Edit, Release, bumped, changed_files, first_release, next_release, unified_diff

AT = 1_700_000_000.0


def first(role: str, names: Names | None = None) -> Release:
    return first_release(role, names or Names({}), version="1.4.0", author="amara", at_s=AT)


def after(before: Release, *edits: Edit) -> Release:
    return next_release(before, edits, author="bruno", title="A change", at_s=AT + 1, version="1.4.1")


def test_the_diff_shows_what_changed_and_nothing_else() -> None:
    before = first("payments")
    new = after(before, Edit("config.json", '"size": 12', '"size": 3'))
    assert changed_files(before, new) == ["services/payments/config.json"]
    diff = unified_diff(before, new).splitlines()
    changed = [line for line in diff if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == ['-    "size": 12,', '+    "size": 3,']
    assert any(line.startswith("@@ ") for line in diff)


def test_a_commit_is_named_by_content_and_parent() -> None:
    before = first("payments")
    small, smaller = (after(before, Edit("config.json", '"size": 12', f'"size": {size}')) for size in (3, 2))
    assert len({before.commit, small.commit, smaller.commit}) == 3
    assert small.commit == after(before, Edit("config.json", '"size": 12', '"size": 3')).commit


def test_an_edit_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="stands there 0 times"):
        after(first("payments"), Edit("config.json", "no such text", ""))


def test_a_version_is_never_used_twice() -> None:
    assert bumped("1.4.1", {"1.4.0", "1.4.1", "1.4.2"}) == "1.4.3"


def test_a_release_is_written_as_files(tmp_path: Path) -> None:
    folder = first("cart").write(tmp_path)
    assert json.loads((folder / "config.json").read_text())["pool"]["size"] == 8
    compile((folder / "handlers.py").read_text(), "handlers.py", "exec")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_every_step_of_every_fault_applies_in_its_order(fault: Fault, shuffle: bool, seed: int) -> None:
    names = Names({name: f"renamed-{name}" for name in ALL})
    current = {role: first(role, names) for role in SERVICES}
    steps = plan(fault, seed=seed, shuffle=shuffle)
    for step in steps:
        if step.deploy is not None:
            edits = tuple(Edit(e.path, names.in_text(e.old), names.in_text(e.new)) for e in step.deploy.edits)
            before = current[step.deploy.service]
            new = current[step.deploy.service] = after(before, *edits)
            assert unified_diff(before, new)
            json.loads(new.files["config.json"])
            compile(new.files["handlers.py"], "handlers.py", "exec")
    kinds = [step.kind for step in steps]
    cause = next(index for index, kind in enumerate(kinds) if kind in ("guilty", "outage"))
    assert (kinds[cause] == "outage") == (fault.guilty is None)
    assert "innocent" in kinds[:cause]
    assert "innocent" in kinds[cause + 1 :]
    assert kinds.count("flag") == 1
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    if fault.guilty is not None:
        later = [step.deploy for step in steps[cause + 1 :] if step.deploy]
        assert fault.guilty.service not in {deploy.service for deploy in later}, "undoing the cause must undo nothing else"


def test_shuffling_changes_the_order() -> None:
    fault = FAULTS["pool"]
    orders = {tuple(s.deploy.title for s in plan(fault, seed=seed, shuffle=True) if s.deploy) for seed in range(8)}
    assert len(orders) > 2


def test_renaming_reaches_sources_and_configs() -> None:
    names = Names.parse(["catalogue=shelf", "recommender=muse", "personal-picks=taste"])
    release = first("catalogue", names)
    text = "".join(release.files.values())
    assert release.service == "shelf"
    assert '"recommender"' not in text
    assert '"personal-picks"' not in text
    assert '"muse"' in text
    assert '"taste"' in text


@pytest.mark.parametrize("pair", ["nobody=x", "cart=Cart", "cart=", "cart=payments", "cart=a b"])
def test_a_name_that_can_not_be_used_is_refused(pair: str) -> None:
    with pytest.raises(ValueError, match="--rename"):
        Names.parse([pair])


def test_the_entry_point_and_flag_owners_are_services() -> None:
    assert ENTRY_POINT in SERVICES
    assert set(FLAGS.values()) <= set(SERVICES)
