"""`firstmate work`: the second of the two processes; `serve` and `demo` start it. On PostgreSQL also one more of them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import Annotated

import typer

from app.cli.composition import Composition


def work(
    ctx: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False,
    parent: Annotated[int, typer.Option("--parent", hidden=True)] = 0,
) -> None:
    """Run jobs and tell people (`serve` starts one; on PostgreSQL start more, each with a data folder of its own)."""
    if parent:
        threading.Thread(target=_end_with, args=(parent,), name="parent-watch", daemon=True).start()
    compose: Composition = ctx.obj
    asyncio.run(compose.work(demo=demo))


def _end_with(parent: int) -> None:
    """The process that started this one may be gone before anything here could look who it was: so it says who it is."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


VERB = work
