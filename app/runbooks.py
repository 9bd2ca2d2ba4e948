"""Reading runbooks: Markdown files with front matter. Text for people; only the closed front matter means anything to code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.domain.errors import Misconfigured
from app.domain.plain_yaml import only_plain
from app.domain.runbook import Runbook

LARGEST = 256 * 1024
FRONT = {"title", "matches", "checks", "actions"}
"""What front matter may say; everything else of a runbook is its name and its text."""


def read_runbook(name: str, text: str) -> Runbook:
    """One runbook from its text. Raises `Misconfigured` naming the file and the field."""
    if len(text.encode()) > LARGEST:
        raise Misconfigured(f"runbook {name} is larger than {LARGEST // 1024} kB; split it")
    parts = text.split("\n---\n", 1)
    if not text.startswith("---\n") or len(parts) != 2:
        raise Misconfigured(f"runbook {name} must open with front matter between two lines of ---")
    try:
        only_plain(parts[0][4:])
        front: Any = yaml.safe_load(parts[0][4:]) or {}
        if not isinstance(front, dict) or not set(front) <= FRONT:
            raise yaml.YAMLError(f"front matter holds {', '.join(sorted(FRONT))} and nothing else")
        title = next((line[2:].strip() for line in parts[1].splitlines() if line.startswith("# ")), name)
        return Runbook.model_validate({"title": title, **front, "name": name, "body": parts[1].strip()})
    except (yaml.YAMLError, ValidationError, ValueError, TypeError) as error:
        raise Misconfigured(f"runbook {name}: {' '.join(str(error).split())}") from error


def read_runbooks(folder: Path) -> tuple[Runbook, ...]:
    """Every `*.md` of `folder`, by name."""
    if not folder.is_dir():
        raise Misconfigured(f"the runbooks folder {folder} does not exist; set FIRSTMATE_RUNBOOKS_DIR or leave it empty")
    return tuple(read_runbook(path.stem, _text(path)) for path in sorted(folder.glob("*.md")))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"runbook {path.stem} can't be read: {error}") from error


def builtin_runbooks() -> Path:
    """The folder that comes with Firstmate: beside the code in a checkout, inside the package in an installation."""
    packaged = Path(__file__).parent / "_runbooks"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "runbooks"
