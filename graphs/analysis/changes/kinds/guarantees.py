"""What a store or a queue promises, by the names of its levels: how sure a write is, how fresh a read, how apart two of them."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.differences import replaced
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement

_LEVELS: tuple[tuple[str, str], ...] = (
    (r"(?i)consistency|\bcl\b|quorum", "any one two three localone localquorum eachquorum quorum all serial"),
    (r"(?i)isolation", "readuncommitted readcommitted repeatableread snapshot serializable"),
    (r"(?i)\backs?\b|request\.required\.acks|RequiredAcks", "0 none 1 leader all -1"),
    (r"(?i)read_?preference|readPref", "secondary nearest secondarypreferred primarypreferred primary"),
    (r"(?i)synchronous_commit", "off local remotewrite on remoteapply"),
    (r"(?i)write_?concern|\bw[\"']?: ", "0 1 2 majority"),
    (r"(?i)appendfsync", "no everysec always"),
    (r"(?i)flush_log_at_trx_commit", "0 2 1"),
    (r"(?i)processing\.guarantee|delivery", "atmostonce atleastonce exactlyonce exactlyoncev2"),
)
"""What names such a level, and its values from the weakest to the strongest."""


def another_level(sides: Sides) -> Iterator[Effect]:
    """A weaker promise loses or mixes up what a stronger one kept; a stronger one takes its time."""
    for before, after in sides.pairs:
        if file_kind(after.path) not in ("code", "config"):
            continue
        for named, levels in _LEVELS:
            listed = levels.split()
            step = _step(before, after, listed)
            if step is None or not re2.search(named, f"{' '.join(after.parents[-1:])} {after.text}"):
                continue
            was, now = (listed.index(level) for level in step)
            kind = "weaker" if now < was else "stronger"
            yield effect_of(kind, 0.7, f"{clean(step[0])} -> {clean(step[1])}: a {kind} promise", after, other=before)
            return


def _step(before: Statement, after: Statement, listed: list[str]) -> tuple[str, str] | None:
    steps = [tuple(_bare(token.text) for token in pair) for pair in replaced(before, after)]
    found = [(was, now) for was, now in steps if was in listed and now in listed and was != now]
    return found[0] if len(found) == 1 else None


def _bare(text: str) -> str:
    bare: str = re2.sub(r"[^a-z0-9-]", "", text.lower().rpartition(".")[2] if "." in text else text.lower())
    return bare.removeprefix("isolationlevel").removeprefix("consistencylevel").removeprefix("transaction") or bare


_EVICTS = re2.compile(r"maxmemory[-_]policy\W+[\"']?([a-z]+-?[a-z]*)")


def full_store(sides: Sides) -> Iterator[Effect]:
    """What a full store does: refuses what comes, or drops what it has."""
    for before, after in sides.pairs:
        was, now = _EVICTS.search(before.text), _EVICTS.search(after.text)
        if was is None or now is None or was.group(1) == now.group(1):
            continue
        if now.group(1) == "noeviction":
            yield effect_of("refusing", 0.7, "a full store refuses what comes, and no longer makes room", after, other=before)
        elif was.group(1) in ("noeviction", "volatile-lru", "volatile-ttl", "volatile-lfu") and now.group(1).startswith("allkeys"):
            yield effect_of("weaker", 0.65, "a full store drops what was to stay", after, other=before)


KINDS = (
    Throughout(another_level),
    Throughout(full_store),
)
