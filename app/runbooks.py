"""Reading runbooks: Markdown files with front matter. Text for people; only the closed front matter means anything to code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.domain.errors import Misconfigured
from app.domain.runbook import Runbook

LARGEST = 256 * 1024


class _Loader(yaml.SafeLoader):
    """Plain YAML: no aliases (a small file must not become a large one) and no tags."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


def read_runbook(name: str, text: str) -> Runbook:
    """One runbook from its text. Raises `Misconfigured` naming the file and the field."""
    if len(text.encode()) > LARGEST:
        raise Misconfigured(f"runbook {name} is larger than {LARGEST // 1024} kB; split it")
    parts = text.split("\n---\n", 1)
    if not text.startswith("---\n") or len(parts) != 2:
        raise Misconfigured(f"runbook {name} must open with front matter between two lines of ---")
    try:
        front: Any = yaml.load(parts[0][4:], Loader=_Loader)  # a SafeLoader, made stricter
        title = next((line[2:].strip() for line in parts[1].splitlines() if line.startswith("# ")), name)
        return Runbook.model_validate({"name": name, "title": title, "body": parts[1].strip(), **(front or {})})
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise Misconfigured(f"runbook {name}: {error}") from error


def read_runbooks(folder: Path) -> tuple[Runbook, ...]:
    """Every `*.md` of `folder`, by name."""
    if not folder.is_dir():
        raise Misconfigured(f"the runbooks folder {folder} does not exist; set FIRSTMATE_RUNBOOKS_DIR or leave it empty")
    return tuple(read_runbook(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md")))


def builtin_runbooks() -> Path:
    """The folder that comes with Firstmate: beside the code in a checkout, inside the package in an installation."""
    packaged = Path(__file__).parent / "_runbooks"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "runbooks"
