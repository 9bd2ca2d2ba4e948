"""`firstmate approve p-7f3ac91e`: a yes outside Slack, signed with your enrolled key. It works while Slack is down."""

from __future__ import annotations

import asyncio
import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.cards.proposal import signing_card
from app.cli.composition import Composition
from app.cli.key import PLACE, Key, KeyFile, read
from app.cli.terminal import say, show
from app.domain.errors import Denied

if TYPE_CHECKING:  # signing is too heavy for `--help`
    from app.domain.proposal import Proposal
    from app.domain.statement import Signed


def approve(
    ctx: typer.Context,
    code: Annotated[str, typer.Argument(help="Which proposal: p-7f3ac91e, as its card names it.")],
    file: KeyFile = PLACE,
) -> None:
    """Read what will run, type the resource's name, and sign: your yes, and at tier 3 the confirmation outside Slack.

    It counts if the policy file names you as its approver and your key as yours. Exit code 1: it did not count.
    """
    compose: Composition = ctx.obj
    held = read(file)
    proposal, state = asyncio.run(compose.proposal(code))
    show(Console(), signing_card(proposal))
    if state != "proposed":
        raise Denied(f"{proposal.name} is {state} already; there is nothing to approve")
    typed = typer.prompt(f"To approve as {held.person}, type the resource's name").strip()
    if typed != proposal.effects.target:
        raise Denied(f"that is not {proposal.effects.target}; nothing was signed")
    counted, sentence = asyncio.run(compose.hand_in(signed(held, proposal, typed=typed, now=datetime.now(UTC))))
    say(sentence)
    raise typer.Exit(0 if counted else 1)


def signed(held: Key, proposal: Proposal, *, typed: str, now: datetime) -> Signed:
    """Yes to exactly this proposal, by this person, for five minutes, once."""
    from app.domain.statement import LIVES, Signed, Statement

    statement = Statement(proposal=proposal.hash, by=held.person, typed=typed, nonce=secrets.token_hex(16), expires_at=now + LIVES)
    signature = base64.b64encode(held.private.sign(statement.to_sign())).decode("ascii")
    return Signed(statement=statement, signature=signature)


VERB = approve
