"""Version steps of what is built upon."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement

_DEPENDENCY = re2.compile(r"([A-Za-z@][\w./@:-]*)[\"'`]?\s*(?:[:=<>~^!,]|\s)+\s*[\"'`]?[~^=<>]*v?(\d+(?:\.\d+)+[\w.+-]*)")


def dependencies(made: Sequence[Statement]) -> list[Effect]:
    """Version steps of a manifest: a patch is nothing, a major one may be anything."""
    old = {name: (version, one) for one in made if one.sign == "-" for name, version in _dependency(one)}
    new = {name: (version, one) for one in made if one.sign == "+" for name, version in _dependency(one)}
    found = []
    for name, (version, one) in new.items():
        if name not in old:
            found.append(effect_of("dependency", 0.12, f"{clean(name)} {clean(version)} added", one))
        elif old[name][0] != version:
            found.append(
                effect_of(
                    "dependency", _step(old[name][0], version), f"{clean(name)} {clean(old[name][0])} -> {clean(version)}", one
                )
            )
    return found + [
        effect_of("dependency", 0.35, f"{clean(name)} removed", one) for name, (_, one) in old.items() if name not in new
    ]


def _dependency(one: Statement) -> list[tuple[str, str]]:
    return [(name, version) for name, version in _DEPENDENCY.findall(one.text) if name not in ("version", "go", "python")]


def _step(old: str, new: str) -> float:
    was, now = old.split("."), new.split(".")
    if was[0] != now[0]:
        return 0.5
    if was[1:2] != now[1:2]:
        return 0.3 if was[0] == "0" else 0.12
    return 0.02
