"""What main offers the verbs. They get it as `ctx.obj`; none of them imports a vendor, so `--help` stays quick."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.domain.plugin import Health
from app.domain.ports import Progress
from app.settings import Settings


class Composition(Protocol):
    def settings(self) -> Settings:
        """Raises `Misconfigured`, naming the variable."""
        ...

    def find_cases(self, path: Path) -> list[Path]: ...

    def run_case_by_name(self, folder: str) -> str:
        """One case, its `triage-result/1` line; importable by a process of its own."""
        ...

    async def triage_case(self, path: Path, progress: Progress) -> tuple[str, Scope, Diagnosis]:
        """(the case's name, what was looked at, the diagnosis). Raises `BadInput` for a broken folder."""
        ...

    async def triage_live(self, scope: Scope, progress: Progress) -> Diagnosis:
        """With the configured connectors, storing nothing."""
        ...

    async def doctor(self) -> list[tuple[str, Health]]:
        """(what was checked, how it is), in the order in which things should be mended."""
        ...
