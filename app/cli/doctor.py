"""`firstmate doctor`: what works, and for what does not, how to mend it; one line each."""

from __future__ import annotations

import asyncio

import typer

from app.cli.composition import Composition


def doctor(ctx: typer.Context) -> None:
    """Check tokens, scopes, clock, database, policy, runbooks, connectors and actions."""
    compose: Composition = ctx.obj
    checks = asyncio.run(compose.doctor())
    width = max(len(name) for name, _ in checks)
    for name, health in checks:
        print(f"{'ok  ' if health.ok else 'MEND'} {name:{width}}  {health.line}")
    raise typer.Exit(0 if all(health.ok for _, health in checks) else 1)


VERB = doctor
