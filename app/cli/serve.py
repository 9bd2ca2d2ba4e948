"""`firstmate serve`: the Slack app, the web intake, the scheduler and the worker; one command, two processes."""

from __future__ import annotations

import asyncio

import typer

from app.cli.composition import Composition


def serve(ctx: typer.Context) -> None:
    """Run Firstmate for a Slack workspace (Socket Mode; HTTP with SLACK_SIGNING_SECRET).

    With PostgreSQL as FIRSTMATE_DATABASE_URL, on as many machines as you like: each with a data folder of its own.
    """
    compose: Composition = ctx.obj
    asyncio.run(compose.serve())


VERB = serve
