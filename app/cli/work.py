"""`firstmate work`: the second of the two processes; `serve` and `demo` start it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.composition import Composition


def work(ctx: typer.Context, demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False) -> None:
    """Run jobs and tell people (started by `serve`)."""
    compose: Composition = ctx.obj
    asyncio.run(compose.work(demo=demo))


VERB = work
