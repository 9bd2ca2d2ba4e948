"""`firstmate ledger grant`: on PostgreSQL, what the role that the processes connect as may do."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.composition import Composition

VERB = typer.Typer(help="The ledger's database: who may do what in it.", no_args_is_help=True)


@VERB.callback()
def _ledger() -> None:
    """So that `grant` stays a word of its own."""


@VERB.command()
def grant(
    ctx: typer.Context,
    role: Annotated[str, typer.Argument(help="A PostgreSQL role that owns nothing: CREATE ROLE firstmate_run LOGIN PASSWORD '…'.")],
) -> None:
    """Let a role run Firstmate and nothing more: it adds to the audit trail, and can't change, empty or drop it.

    Run it with the owner's URL in FIRSTMATE_DATABASE_URL, also after an upgrade (it brings the schema up to date first); then give
    serve and work the role's own URL. The owner's is for this and for `firstmate audit erase`.
    """
    compose: Composition = ctx.obj
    asyncio.run(compose.ledger_grant(role))
    print(f"{role} may run Firstmate: it reads, adds, and changes what the program changes; it can't alter the audit trail.")
