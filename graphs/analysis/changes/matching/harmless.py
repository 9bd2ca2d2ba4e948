"""Edits that look like more than they are: what only looks different, stands elsewhere, or is set in another way."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from graphs.analysis.changes.effect import Effect
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import last_names, own_name
from graphs.analysis.changes.reading.numbers import measures_of
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, stem_set

LOOKS = listed("classname class style variant icon alt placeholder tooltip color colour theme padding")
"""Names of what people see of a page, and no program reads."""
_LESS = 0.3


def quieter(effect: Effect, before: Statement, after: Statement, new: Sequence[Statement]) -> Effect:
    """An effect of a statement's new version in the light of all that is new: what it goes without stands elsewhere, or is only
    looked at."""
    if effect.kind == "literal" and (_only_looks(after) or _told(after)):
        return effect.scaled(0.1)
    if effect.kind == "condition" and _steps_safely(before, after):
        return effect.scaled(0.1)
    others = [one for one in new if one is not after and one.key != after.key]
    if effect.kind == "literal" and file_kind(after.path) == "code" and _said_by_others(before, after, others):
        return effect.scaled(_LESS)
    if effect.kind == "call_removed" and _called_by_others(before, after, others):
        return effect.scaled(_LESS)
    if effect.kind in _OF_A_WORD and _stands_elsewhere(before, after, others, effect):
        return effect.scaled(_LESS)
    if effect.kind == "dropped" and _handed_in(before, after, others):
        return effect.scaled(_LESS)
    if effect.kind == "literal" and _same_value(before, after):
        return effect.scaled(_LESS)
    return effect


def _handed_in(before: Statement, after: Statement, others: Sequence[Statement]) -> bool:
    """Whether what was made where it is declared is declared only, and given by whoever makes the object."""
    name = own_name(before)
    declared = bool(name) and not own_name(after) and name in after.key
    return declared and any(own_name(one) == name and one.path == after.path for one in others)


_OF_A_WORD = frozenset({"zone", "swapped", "rounding", "loop_query", "gone"})
"""Effects of a word that went: where it stands in something else that is new, a helper says it now."""


def _stands_elsewhere(before: Statement, after: Statement, others: Sequence[Statement], effect: Effect) -> bool:
    lost = {token.text for token in before.tokens if token.kind == "word"} - {token.text for token in after.tokens}
    told = {text for text in lost if text in effect.note}
    return bool(told) and told <= {token.text for one in others for token in one.tokens if token.kind == "word"}


def _only_looks(after: Statement) -> bool:
    name = own_name(after).lower()
    return name in LOOKS and after.path.endswith((".tsx", ".jsx", ".vue", ".svelte", ".html", ".erb", ".js", ".ts"))


FOR_PEOPLE = listed("owner team contact maintainer description comment summary runbook runbook_url docs buckets objectives")
"""Keys by which people are told something, or what is measured is sorted."""
_WATCHING = re2.compile(
    r"(?i)(^|/)(dashboards?|grafana|alerts?|alerting|slos?|recording[_-]rules)(/|[\w.-]*\.(ya?ml|json|tf|libsonnet)$)"
)


def watched(effect: Effect) -> Effect:
    """What only says what is shown and when somebody is called, and nothing that serves reads."""
    return effect.scaled(0.1) if _WATCHING.search(effect.path) and file_kind(effect.path) == "config" else effect


def _told(after: Statement) -> bool:
    return own_name(after).lower() in FOR_PEOPLE


def _steps_safely(before: Statement, after: Statement) -> bool:
    """Whether `a?.b` took the place of `a && a.b`."""
    first, _, last = before.text.rpartition("&&")
    plain = after.text.replace("?.", ".").rstrip("; ")
    owner = first.strip().rpartition(" ")[2].lstrip("(!")
    asked = last.strip().rstrip("; )")
    return bool(owner) and "?." in after.text and asked.startswith(f"{owner}.") and asked in plain


def _plain(text: str) -> str:
    """A name as it is spelled in requests, variables and code alike: headers and variables know no case."""
    return text.strip("\"'`").lower().replace("-", "_").removeprefix("http_")


def _said_by_others(before: Statement, after: Statement, others: Sequence[Statement]) -> bool:
    """Whether each text that went from a statement is a text of something else that is new."""
    lost = {_plain(text) for text in _texts(before)} - {_plain(text) for text in _texts(after)}
    said = {_plain(text) for one in others for text in _texts(one)}
    return bool(lost) and all(len(text) > 3 for text in lost) and lost <= said


def _texts(one: Statement) -> set[str]:
    return {token.text for token in one.tokens if token.kind == "string"}


def _called_by_others(before: Statement, after: Statement, others: Sequence[Statement]) -> bool:
    lost = last_names(before) - last_names(after)
    return bool(lost) and lost <= {name for one in others for name in last_names(one)}


def _same_value(before: Statement, after: Statement) -> bool:
    """A configured value under a name of which the other one is a part: `certificate_arn` and a module's `certificate`."""
    names = [stem_set([own_name(one)]) for one in (before, after)]
    values = [one.key[2:] for one in (before, after)]
    here = file_kind(after.path) == "config" and len(values[0]) > 1 and before.parents != after.parents
    return here and values[0] == values[1] and names[0] != names[1]


def set_otherwise(one: Statement, come: Sequence[Statement]) -> bool:
    """Whether what a removed statement set is set by something new, whose name says the same and more, or in another case."""
    name = stem_set([own_name(one)])
    if not name or file_kind(one.path) != "code":
        return False
    for other in come:
        named = stem_set([own_name(other)])
        near = other.block == one.block or named == name
        if near and named >= name and measures_of(one) in ([], measures_of(other)):
            return True
    return False
