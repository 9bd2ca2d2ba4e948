"""`firstmate export INCIDENT DIR`: an incident as a recorded case, to be triaged again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.cli.composition import Composition


def export(
    ctx: typer.Context,
    incident: Annotated[str, typer.Argument(help="Which one: INC-0042.")],
    folder: Annotated[Path, typer.Argument(help="A new folder for the case.")],
) -> None:
    """Write an incident as a recorded case: what the connectors still answer about its last triage, and its changes."""
    compose: Composition = ctx.obj
    done = asyncio.run(compose.export(incident, folder))
    for sentence in done.missing:
        print(f"not in it: {sentence}")
    print(f"{incident} is in {folder} ({', '.join(done.files)}); triage it again with: firstmate triage --case {folder}")


VERB = export
