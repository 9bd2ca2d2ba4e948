"""What main offers the verbs. They get it as `ctx.obj`; none of them imports a vendor, so `--help` stays quick."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.cards.card import Card
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope, TimelineEntry
from app.domain.plugin import Health
from app.domain.ports import Progress
from app.domain.value import JsonObject, Value
from app.settings import Settings

if TYPE_CHECKING:  # it works on whole tables, and brings what that takes
    from app.domain.proposal import Proposal, State
    from app.domain.statement import Signed
    from app.evaluation.combinations import Combination
    from app.evaluation.export import Exported
    from app.incidents.erasing import Erasure
    from app.incidents.why import Why
    from app.verify_alone import Report


class InboxPort(Protocol):
    async def put(self, key: str, kind: str, body: JsonObject) -> bool: ...


class DemoEnd(Value):
    """How a demo came out, and what was true."""

    timeline: tuple[TimelineEntry, ...]
    diagnosis: Diagnosis | None
    actions: tuple[str, ...]  # of every proposal that ran
    truth: dict[str, Any]


class ClashEnd(Value):
    """How two agents came out of meeting on one resource. `problems`: what is wrong with the audit trail."""

    incident: str
    state: JsonObject
    conflicts: int
    rows: int
    problems: dict[str, list[str]]


class Composition(Protocol):
    def settings(self) -> Settings:
        """Raises `Misconfigured`, naming the variable."""
        ...

    def find_cases(self, path: Path) -> list[Path]: ...

    def run_case_by_name(self, folder: str) -> str:
        """One case, its `triage-result/1` line; importable by a process of its own."""
        ...

    def candidates(self, path: Path) -> tuple[str, int]:
        """(the case's name, how many can be guilty; 0 where the case doesn't say, or can't be read)."""
        ...

    def investigators(self) -> list[str]: ...

    def releases(self) -> Path:
        """Where the results of each release are kept with the product."""
        ...

    def run_combinations_by_name(self, folder: str, *, asked: Sequence[Combination], whole: bool) -> str:
        """One case by parts of the engine, for an evaluation; importable like `run_case_by_name`. `whole`: of the first
        combination, as a `triage-result/1` line; else an `eval-ablation/1` line of all."""
        ...

    async def triage_case(self, path: Path, progress: Progress) -> tuple[str, Scope, Diagnosis]:
        """(the case's name, what was looked at, the diagnosis). Raises `BadInput` for a broken folder."""
        ...

    async def triage_live(self, scope: Scope, progress: Progress) -> Diagnosis:
        """With the configured connectors, storing nothing."""
        ...

    def intake(self, folder: Path, *, token: str) -> AbstractAsyncContextManager[tuple[str, InboxPort]]:
        """The web intake on a free port of 127.0.0.1, and the inbox behind it; (its URL, the inbox)."""
        ...

    async def work(self, *, demo: bool) -> None:
        """The work process, until it is told to stop or its parent is gone."""
        ...

    async def serve(self) -> None:
        """The surface process; raises `Misconfigured` naming what is missing."""
        ...

    async def export(self, incident: str, folder: Path) -> Exported:
        """The incident as a recorded case. Raises `NotFound` for one that is not known or was never triaged."""
        ...

    async def why(self, proposal: str) -> Why:
        """What the policy says about a proposal. Raises `NotFound` for one that is not known, or where there is no ledger."""
        ...

    async def proposal(self, name: str) -> tuple[Proposal, State]:
        """By what its card calls it. Raises `NotFound`, `BadInput`, `Conflict`, and `Altered` for one that was altered."""
        ...

    async def hand_in(self, signed: Signed) -> tuple[bool, str]:
        """Hand a signed yes to the work process: (whether it counted, what became of it). Raises `Unreachable` when nobody
        answers in time."""
        ...

    async def audit_verify(self, *, keys: Sequence[str], told: Sequence[str]) -> Report:
        """`keys`: public keys that may have signed the roots; none: this installation's own."""
        ...

    async def audit_erase(self, subject: str, *, by: str, because: str, really: bool) -> Erasure:
        """`really`: else it is only told what would go, and what stays."""
        ...

    def audit_key(self) -> tuple[str, Path]:
        """(this installation's public key, made when there was none; the file of the private one)."""
        ...

    async def audit_export(self, folder: Path, *, start: datetime, end: datetime, by: str) -> dict[str, int]: ...

    async def ledger_grant(self, role: str) -> None:
        """Raises `BadInput` and `Misconfigured`; nothing is granted then."""
        ...

    async def details(self, folder: Path, proposal: str) -> Card: ...

    async def demo_end(self, folder: Path, control: str) -> DemoEnd: ...

    async def clash_end(self, folder: Path, resource: str) -> ClashEnd: ...

    async def post(self, url: str, body: JsonObject | None = None, *, token: str = "") -> None: ...

    async def doctor(self) -> list[tuple[str, Health]]:
        """(what was checked, how it is), in the order in which things should be mended."""
        ...
