"""The work process of `firstmate serve`, as a nursery grows it: the project's own, from its settings on."""

from __future__ import annotations

import httpcore2
import langgraph.checkpoint.sqlite.aio
import sqlalchemy.dialects.sqlite.aiosqlite

from app import processes
from app.jobs import alone, runner, sender
from app.jobs import work as working
from app.main import Composition
from app.plugged import calibration, catalogue, investigators
from app.plugins import discover
from app.runbooks import builtin_runbooks, read_runbooks
from app.slack import blocks, connection, deliveries, people
from app.web import deliveries as web

LOADED = (
    processes, alone, runner, sender, working, blocks, connection, deliveries, people, web,
    httpcore2, langgraph.checkpoint.sqlite.aio, sqlalchemy.dialects.sqlite.aiosqlite,
)  # fmt: skip
"""What a work process imports when it comes to it; here that is done once, before any is born."""

calibration()
catalogue()
investigators()
discover("app.connectors", "CONNECTOR")
read_runbooks(builtin_runbooks())


async def work() -> None:
    await Composition().work(demo=False)
