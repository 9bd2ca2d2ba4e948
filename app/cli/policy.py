"""`firstmate policy init | check | why`: the file that says who may approve what."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.composition import Composition
from app.cli.terminal import say
from app.domain.errors import BadInput
from app.policy.decision import Allowed, Denied, Needs
from app.policy.policy import load, starter

VERB = typer.Typer(help="Who may approve what: write a first policy file, or check one.", no_args_is_help=True)


@VERB.command()
def init(ctx: typer.Context, force: Annotated[bool, typer.Option(help="Write over the file that is there.")] = False) -> None:
    """Write the commented starter file. Nobody may approve anything until people are named in it."""
    compose: Composition = ctx.obj
    path = compose.settings().policy_path
    try:
        if path.exists() and not force:
            raise BadInput(f"{path} is there already; edit it, or write over it with --force")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # as everything else in the data folder; a file that is there keeps its mode
        path.write_text(starter(), encoding="utf-8")
    except OSError as error:
        why = f"{error.strerror}: {error.filename}"
        raise BadInput(f"{path} can't be written ({why}); say where it goes with FIRSTMATE_POLICY_FILE") from error
    print(f"{path} is written. Name approvers in it, then: firstmate policy check")


@VERB.command()
def check(
    ctx: typer.Context, file: Annotated[Path | None, typer.Argument(help="The policy file; default: the configured one.")] = None
) -> None:
    """Say whether the file can be read, and who may approve what by it."""
    compose: Composition = ctx.obj
    path = file or compose.settings().policy_path
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; write a first one with: firstmate policy init") from error
    except OSError as error:
        raise BadInput(f"{path} can't be read ({error.strerror}); name the policy file itself") from error
    policy = load(text)
    print(f"{path} is sound; version {policy.version[:12]}.")
    for entry in policy.approvers:
        print(f"  {entry.sentence}")
    for freeze in policy.freezes:
        print(f"  {freeze.sentence(datetime.now(UTC))}")
    for one in policy.operators:
        print(f"  at a shell, {one.key} is {one.person}")
    if policy.break_glass is not None:
        who = ", ".join((*policy.break_glass.people, *(f"group {group}" for group in policy.break_glass.groups))) or "nobody"
        print(f"  in an emergency {who} may break the glass, for {policy.break_glass.hours} h")
    if policy.empty:
        print("It names no approvers, so nobody may approve anything above tier 0.")
        raise typer.Exit(1)


@VERB.command()
def why(ctx: typer.Context, proposal: Annotated[str, typer.Argument(help="Which one: p-7f3ac91e.")]) -> None:
    """Say of every rule what it says about a proposal now: what is in the way, what is still needed, and from whom.

    Exit code 1: something is in the way.
    """
    compose: Composition = ctx.obj
    found = asyncio.run(compose.why(proposal))
    held, decision = found.proposal, found.decision
    say(f"{held.name}, {held.effects.sentence}: {found.state}, tier {held.tier}, asked by {held.asked_by} in {held.incident}.")
    if found.yes:
        say(f"Yes so far: {', '.join(found.yes)}.")
    if held.policy != found.policy_now:
        then, today = held.policy[:12] or "none", found.policy_now[:12] or "none"
        say(f"It was proposed under policy {then}; what counts is today's, {today}.")
    if found.score:
        ends = ", ".join(f"{n} {result}" for result, n in found.score.items())
        say(f"{held.call.action} by {held.asked_by} so far: {ends}.")
    for name, word in found.said:
        say(f"  {_MARKS[type(word)]:7}{name}: {word.reason}")
    match decision:
        case Denied(reason):
            say(f"Now: no, {reason}.")
            raise typer.Exit(1)
        case Needs(_, reason, by):
            say(f"Now: {reason}" + (f" (from {', '.join(by)})" if by else "") + ".")
        case _:
            say("Now: nothing is in the way.")


_MARKS = {Allowed: "fine", Needs: "needs", Denied: "no"}
