"""`firstmate key U024BE7LH`: a key of your own, so that a shell knows who you are."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.domain.errors import BadInput, NotFound

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = "firstmate-key/1"
PLACE = Path("~/.config/firstmate/key.json")

KeyFile = Annotated[Path, typer.Option("--key", help="Where your key is kept: on your own machine, for you alone.")]


@dataclass(frozen=True)
class Key:
    """Whose it is, and its private half, which leaves this process for its file alone."""

    person: str
    private: Ed25519PrivateKey

    @property
    def line(self) -> str:
        """The line that goes under `operators` of the policy file."""
        from app.policy.operators import written

        public = written(self.private.public_key().public_bytes_raw())
        return f'  - {{person: {self.person}, key: "{public}"}}'


def key(person: Annotated[str, typer.Argument(help="Your Slack member id: U024BE7LH.")], file: KeyFile = PLACE) -> None:
    """Make your key, if there is none yet, and print the line that enrols it in the policy file.

    Whoever may change the policy file puts it there, under `operators`. With it you approve at a shell: firstmate approve.
    """
    path = file.expanduser()
    held = read(path) if path.exists() else _make(path, person)
    if held.person != person:
        raise BadInput(f"{path} holds the key of {held.person}; name another file with --key")
    print(f"Your key is in {path}. Have this line put into the policy file:\n\noperators:\n{held.line}")


def read(path: Path) -> Key:
    """Raises `NotFound` where there is none, `BadInput` for one that others can read or that can't be read."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # too heavy for `--help`

    path = path.expanduser()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            told = json.loads(file.read(4096))
        if status.st_mode & 0o077 or status.st_uid != os.geteuid():
            raise BadInput(f"others can read {path}, so it proves nothing: make another with `firstmate key` and have it enrolled")
        if told["format"] != FORMAT:
            raise ValueError(told["format"])
        return Key(str(told["person"]), Ed25519PrivateKey.from_private_bytes(base64.b64decode(told["private"], validate=True)))
    except FileNotFoundError as error:
        raise NotFound(f"there is no key in {path}; `firstmate key` with your Slack member id makes one") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} holds no key that can be read ({type(error).__name__}); name another file with --key") from error


def _make(path: Path, person: str) -> Key:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from app.policy.parts import slack_ids

    try:
        slack_ids((person,))
    except ValueError as error:
        raise BadInput(str(error)) from error
    made = Key(person, Ed25519PrivateKey.generate())
    body = {"format": FORMAT, "person": person, "private": base64.b64encode(made.private.private_bytes_raw()).decode("ascii")}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(body) + "\n")
    except OSError as error:
        raise BadInput(f"{path} can't be written ({error.strerror}); name another file with --key") from error
    return made


VERB = key
