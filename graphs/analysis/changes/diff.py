"""Reading a diff: what it alters in behaviour, by tokens. No parser, no language of its own, and no trust in its title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from graphs.analysis.changes.edits import edits
from graphs.analysis.changes.effect import NEUTRAL_BELOW, Effect
from graphs.analysis.changes.matching.harmless import watched
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.dependencies import dependencies
from graphs.analysis.changes.reading.files import INERT, FileKind, file_kind
from graphs.analysis.changes.reading.hunks import Hunk, hunks
from graphs.analysis.changes.reading.images import shown
from graphs.analysis.changes.reading.statements import Statement, statements

_MOST_STATEMENTS = 600  # per file; what a person calls unreadable is sampled from its start


@dataclass(frozen=True)
class Reading:
    """What a diff does. `neutral` says why it cannot alter behaviour; None where it can, or where nobody can tell.

    `unread`: there was no diff to read. `effects` heaviest first. `names` are the identifiers it touches.
    """

    effects: tuple[Effect, ...] = ()
    neutral: str | None = None
    unread: bool = False

    @property
    def weight(self) -> float:
        return self.effects[0].weight if self.effects else 0.0


@lru_cache(maxsize=1024)  # every round asks about the same changes, and reading them is most of its time
def read_diff(diff: str, files: tuple[str, ...] = ()) -> Reading:
    """Every effect of a unified diff (or something like one). The same lines in another order read the same."""
    if not diff.strip():
        kinds = {file_kind(path) for path in files}
        inert = kinds and kinds <= set(INERT)
        return Reading(neutral=INERT[sorted(kinds)[0]] if inert else None, unread=not inert)
    listed = hunks(diff, files)
    by_path = _by_path(listed)
    kinds = {file_kind(path) for path in by_path}
    found: list[Effect] = []
    sorts: set[str] = set()
    lively: list[Statement] = []
    for path, made in by_path.items():
        kind = file_kind(path)
        if kind in INERT:
            continue
        sorts |= {one.sort for one in made}
        if kind == "dependency":
            found += dependencies([one for one in made if one.sort in ("code", "import")])
        else:
            lively += [one for one in made if one.sort == "code"][:_MOST_STATEMENTS]
    if lively:
        found += edits(Sides.of(lively, shown(listed)))
    found = [watched(effect) for effect in found]
    found.sort(key=lambda effect: (-effect.weight, effect.path, effect.note))
    return Reading(tuple(found[:12]), _why_neutral(found, kinds, sorts, moved=bool(lively)))


def _by_path(listed: Sequence[Hunk]) -> dict[str, list[Statement]]:
    by_path: dict[str, list[Statement]] = {}
    block = 0
    for hunk in listed:
        made = statements(hunk, first_block=block)
        block += 1 + max((one.block for one in made), default=0)
        by_path.setdefault(hunk.path, []).extend(made)
    return by_path


def _why_neutral(found: Sequence[Effect], kinds: set[FileKind], sorts: set[str], *, moved: bool) -> str | None:
    if any(effect.weight >= NEUTRAL_BELOW for effect in found):
        return None
    live = kinds - set(INERT)
    if not live:
        return INERT[sorted(kinds)[0]] if kinds else "an empty diff"
    if "dependency" in live and found and len(live) == 1:
        return "a patch release of a dependency"
    if moved:
        return "moved, renamed or reworded code, the same behaviour"
    if sorts & {"log", "telemetry"}:
        return "logging and telemetry only"
    return "comments and imports only"
