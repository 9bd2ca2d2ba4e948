"""`firstmate audit verify | export`: what an auditor asks for."""

from __future__ import annotations

import asyncio
import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.composition import Composition
from app.domain.errors import BadInput
from app.domain.quantity import counted

VERB = typer.Typer(help="The audit trail: whether it holds, and what was done when, by whom.", no_args_is_help=True)


@VERB.command()
def verify(ctx: typer.Context) -> None:
    """Check every chain of the ledger, link by link. Exit code 1: something was changed, removed or added.

    A chain that somebody with the database in hand wrote anew from its first row on is not found so.
    """
    compose: Composition = ctx.obj
    found = asyncio.run(compose.audit_verify())
    for chain, problems in sorted(found.problems.items()):
        for problem in problems:
            print(f"{chain or 'what belongs to no incident'}: {problem}")
    print(f"{counted(found.chains, 'chain')}, {counted(found.rows, 'row')}: " + ("BROKEN" if found.problems else "they hold"))
    raise typer.Exit(1 if found.problems else 0)


@VERB.command()
def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    since: Annotated[str, typer.Option("--from", help="From this day or moment on, UTC where it names no zone: 2026-11-01.")],
    until: Annotated[str, typer.Option("--to", help="Up to this day or moment, which is not part of it.")],
) -> None:
    """Write what was proposed, approved and run, and every row of the audit trail, with a manifest of their hashes."""
    compose: Composition = ctx.obj
    by = f"{getpass.getuser()} at a shell"
    done = asyncio.run(compose.audit_export(folder, start=_moment("--from", since), end=_moment("--to", until), by=by))
    what = f"{counted(done['proposals'], 'proposal')} and {counted(done['rows'], 'row')}"
    print(f"{what} are in {folder}; manifest.json holds their hashes")


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{option} {text} is no day and no moment; write 2026-11-01 or 2026-11-01T08:00:00+01:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
