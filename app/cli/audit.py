"""`firstmate audit verify | export | erase | key`: what an auditor asks for."""

from __future__ import annotations

import asyncio
import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.composition import Composition
from app.domain.errors import BadInput
from app.domain.quantity import counted
from app.verify_alone import said

VERB = typer.Typer(help="The audit trail: whether it holds, and what was done when, by whom.", no_args_is_help=True)


@VERB.command()
def verify(
    ctx: typer.Context,
    key: Annotated[list[str] | None, typer.Option(help="A public key that may have signed the roots; default: our own.")] = None,
    root: Annotated[list[str] | None, typer.Option(help="A root as it stands in a channel: 42:3f9a1c2b90de.")] = None,
) -> None:
    """Check every chain of the ledger, link by link, and against the signed roots. Exit code 1: it does not hold.

    The same, by somebody who trusts nothing here: app/verify_alone.py needs plain Python, `cryptography`, and none of our code.
    """
    compose: Composition = ctx.obj
    report = asyncio.run(compose.audit_verify(keys=key or [], told=root or []))
    print("\n".join(said(report)))
    raise typer.Exit(0 if report.holds else 1)


@VERB.command()
def erase(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(help="A person's or customer's id or address, whole.")],
    because: Annotated[str, typer.Option(help="Why, without naming them; it stays in the trail.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only told what would go.")] = False,
) -> None:
    """Erase what the ledger carries about one subject; the chains still hold. It tells what can't go.

    Not reached: backups, what Slack holds, and deliveries of the last three days in inbox.sqlite.
    """
    compose: Composition = ctx.obj
    by = f"{getpass.getuser()} at a shell"
    done = asyncio.run(compose.audit_erase(subject, by=by, because=because, really=yes))
    rows = sum(len(seqs) for seqs in done.payloads.values())
    gone = [f"what {counted(rows, 'audit row')} carried", *(f"{number} {what}" for what, number in done.emptied.items() if number)]
    print(("Erased: " if yes else "Would go: ") + ", ".join(gone))
    if done.kept:
        print(f"{counted(done.kept, 'audit row')} of open incidents keep it: close them, then erase again")
    for column, number in done.left.items():
        print(f"{'still' if yes else 'now'} in {counted(number, 'row')} of {column}")
    if done.left and yes:
        print("Who decided what stays, by id: those rows are append-only, or named by their hash.")
    if yes:
        print(
            f"Recorded as {done.receipt}"
            + ("" if done.scrubbed else "; the write-ahead log is in use: erase again once serve stands")
        )
    else:
        print("Nothing was changed; do it with --yes")


@VERB.command()
def key(ctx: typer.Context) -> None:
    """Print the public key that signs the roots, made at the first start. Keep a copy where nobody here can change it."""
    compose: Composition = ctx.obj
    public, path = compose.audit_key()
    print(public)
    print(f"the private key is {path}: back it up, and let nobody else read it", file=sys.stderr)


@VERB.command()
def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    since: Annotated[str, typer.Option("--from", help="From this day or moment on, UTC where it names no zone: 2026-11-01.")],
    until: Annotated[str, typer.Option("--to", help="Up to this day or moment, which is not part of it.")],
) -> None:
    """Write what was proposed, approved and run, and every row of the audit trail, with a signed manifest of their hashes.

    app/verify_alone.py checks the folder, with none of our code beside it.
    """
    compose: Composition = ctx.obj
    by = f"{getpass.getuser()} at a shell"
    done = asyncio.run(compose.audit_export(folder, start=_moment("--from", since), end=_moment("--to", until), by=by))
    what = f"{counted(done['proposals'], 'proposal')} and {counted(done['rows'], 'row')}"
    print(f"{what} are in {folder}; manifest.json holds their hashes, signed")


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{option} {text} is no day and no moment; write 2026-11-01 or 2026-11-01T08:00:00+01:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
