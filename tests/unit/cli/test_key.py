from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.key import VERB, read
from app.domain.errors import BadInput, FirstmateError, NotFound
from app.domain.errors import Misconfigured as Wrong
from app.policy.operators import public_bytes
from app.policy.policy import load


def run(*given: str) -> str:
    app = typer.Typer()
    app.command()(VERB)
    ran = CliRunner().invoke(app, list(given))
    if isinstance(ran.exception, FirstmateError):
        raise ran.exception
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_a_key_is_for_its_owner_alone_and_its_line_is_what_the_policy_file_takes(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        told = run("U024BE7LH", "--key", str(tmp_path / "own" / "key.json"))
    finally:
        os.umask(mask)
    path = tmp_path / "own" / "key.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    policy = load("format: 1\n" + told.partition("\n\n")[2])
    held = read(path)
    assert policy.keys_of("U024BE7LH") == (held.line.partition('"')[2].rstrip('"}'),)
    assert held.private.public_key().public_bytes_raw() == public_bytes(policy.operators[0].key)
    before = path.read_bytes()
    assert run("U024BE7LH", "--key", str(path)) == told  # never made anew: the old one may be enrolled
    assert path.read_bytes() == before
    with pytest.raises(BadInput, match="holds the key of U024BE7LH"):
        run("U0OTHER", "--key", str(path))


def test_a_key_that_others_can_read_proves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    run("U1", "--key", str(path))
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(BadInput, match="others can read"):
            read(path)
    path.chmod(0o600)
    for broken in ("", "{}", "[]", '{"format": "another", "person": "U1", "private": ""}'):
        path.write_text(broken)
        with pytest.raises(BadInput, match="holds no key"):
            read(path)
    with pytest.raises(NotFound, match="firstmate key"):
        read(tmp_path / "none.json")


def test_only_a_slack_member_gets_a_key(tmp_path: Path) -> None:
    for person in ("bob", "proposer@1.0.0", "", "*"):
        with pytest.raises(BadInput):
            run(person, "--key", str(tmp_path / "key.json"))
    assert not (tmp_path / "key.json").exists()


GOOD = "ed25519:" + "A" * 43 + "="


@pytest.mark.parametrize(
    ("operators", "told"),
    [
        (f'[{{person: U1, key: "{GOOD}"}}, {{person: U2, key: "{GOOD}"}}]', "twice"),
        (f'[{{person: bob, key: "{GOOD}"}}]', "no Slack user id"),
        (f'[{{person: U1, key: "{GOOD[8:]}"}}]', "no key"),
        ('[{person: U1, key: "ed25519:AAAA"}]', "no key"),
        ('[{person: U1, key: ""}]', "no key"),
        ('[{person: U1, key: "ed25519:…"}]', "no key"),
        (f'[{{person: U1, key: "{GOOD[:-2]}B="}}]', "no key"),  # the same bytes in another spelling
        (f'[{{person: U1, key: "{GOOD} "}}]', "no key"),
    ],
)
def test_an_operator_that_can_not_be_meant_is_refused(operators: str, told: str) -> None:
    with pytest.raises(Wrong, match=told):
        load(f"format: 1\noperators: {operators}")


@pytest.mark.parametrize("glass", ["{people: [bob]}", "{hours: 9}", "{hours: 0}", "{people: [U1], roles: [owner]}"])
def test_who_may_break_the_glass_is_spelt_out_and_for_eight_hours_at_most(glass: str) -> None:
    with pytest.raises(Wrong, match="break_glass"):
        load(f"format: 1\nbreak_glass: {glass}")
