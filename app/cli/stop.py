"""`firstmate stop WHY`: everything on this machine stands still, whether or not Slack and the database answer."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.composition import Composition
from app.domain.errors import BadInput
from app.incidents.stop import remove_file, write_file


def stop(
    ctx: typer.Context,
    why: Annotated[str, typer.Argument(help="The reason; whoever comes next must know.")] = "",
    off: Annotated[bool, typer.Option(help="Let it go on: take the file away again.")] = False,
) -> None:
    """Stop all actions on this machine: nothing more is approved and nothing more is run until it is lifted.

    It is a file in the data folder, so it works while Slack and the database are down. What runs already runs to its end.
    """
    compose: Composition = ctx.obj
    path = compose.settings().stop_path
    if not (path.parent / "inbox.sqlite").exists():
        raise BadInput(
            f"nothing runs from {path.parent}, so nothing would be stopped; set FIRSTMATE_DATA_DIR as it is for firstmate serve"
        )
    if off:
        remove_file(path)
        print(f"{path} is gone: actions may run again, unless they were stopped in Slack too.")
        return
    if not why.strip():
        raise BadInput("say why: firstmate stop 'the database is being restored'")
    write_file(path, by=f"{getpass.getuser()} at a shell", reason=why, at=datetime.now(UTC))
    print(f"Stopped: {path} is there. Let it go on with: firstmate stop --off")


VERB = stop
