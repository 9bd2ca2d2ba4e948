"""`firstmate manifest [--http URL]`: the Slack app's manifest, for Socket Mode or for deliveries over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from app.manifest import manifest_text, over_http


def manifest(
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="URL", help="The https address under which Slack reaches this server; else: Socket Mode."),
    ] = None,
) -> None:
    """Print the manifest that the Slack app is created from."""
    print(manifest_text() if http is None else over_http(manifest_text(), http), end="")


VERB = manifest
