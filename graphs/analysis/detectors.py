"""What other systems' detectors say: of a thing that it behaves abnormally, or that a request failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_MACHINES = {"node", "host", "machine"}


@dataclass(frozen=True)
class Detected:
    """One alert. About a thing: its `name`, and in `lines` what is abnormal about it. About a failing request: the service at
    which it entered, its `method` and its `error`. What an alert doesn't say is empty."""

    name: str = ""
    kind: str = ""
    lines: tuple[str, ...] = ()
    entry: str = ""
    method: str = ""
    error: str = ""

    @property
    def entity(self) -> str:
        """`name` as telemetry would call it: a machine is `node/x`."""
        return f"node/{self.name}" if self.kind.lower() in _MACHINES and "/" not in self.name else self.name


def detected(documents: Iterable[Mapping[str, object]]) -> tuple[Detected, ...]:
    """The detectors' alerts among documents of all sorts, in their order."""
    return tuple(_read(document) for document in documents if document.get("doc") == "detector_alert")


def _read(document: Mapping[str, object]) -> Detected:
    told = document.get("evidence")
    lines = told if isinstance(told, Sequence) and not isinstance(told, str) else [told or ""]
    return Detected(
        name=_text(document.get("name")),
        kind=_text(document.get("type")),
        lines=tuple(str(line) for line in lines),
        entry=_text(document.get("entry_service")),
        method=_text(document.get("request_method")).strip(),
        error=str(document.get("raw_error") or ""),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
