"""`firstmate agents token`: lets an outside program in to the shared ledger."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from app.domain.errors import BadInput
from app.domain.priority import CLASSES
from app.policy.agents import KnownAgent, hash_of, new_token

VERB = typer.Typer(help="Programs that are not ours and share the ledger: autoscalers, cost optimisers.", no_args_is_help=True)


@VERB.callback()
def _agents() -> None:
    """So that `token` stays a word of its own."""


@VERB.command()
def token(
    name: Annotated[str, typer.Argument(help="What the agent is called: small letters, digits, hyphens.")],
    priority: Annotated[str, typer.Option("--class", help=f"Whose turn it is: {', '.join(CLASSES)}; an earlier one goes first.")],
    version: Annotated[str, typer.Option("--agent-version", help="Which version of it this token is for.")] = "1",
) -> None:
    """Print a new token, once, and the entry for `agents` in the policy file that lets it in. Nothing is kept here."""
    made = new_token()
    entry = {"name": name, "version": version, "class": priority, "token_sha256": hash_of(made)}
    try:
        KnownAgent.model_validate(entry)
    except ValidationError as error:
        told = {"name": "NAME", "class": "--class", "version": "--agent-version"}
        wrong = error.errors()[0]
        raise BadInput(f"{told.get(str(wrong['loc'][0]), 'this')}: {wrong['msg'].removeprefix('Value error, ')}") from error
    print(f"The token of {name}, shown this once; give it to the agent alone:\n\n  {made}\n")
    print("Add this to the policy file; it counts within 15 s. Whoever is taken out of it again is let in no more:\n\nagents:")
    print(f'  - name: {name}\n    version: "{version}"\n    class: {priority}\n    token_sha256: {entry["token_sha256"]}')
