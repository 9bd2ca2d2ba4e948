"""Our word for a fault, as the closest word of a closed list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain

from graphs.analysis.label_words import ALSO, ASPECTS, BROADER, FAMILIES, HOW, MADE_OF, MAKES, PARTS, PROBE_TIMING, SAME, WEAK

_ENOUGH = 0.5
_CLOSE = 0.8
"""A word this close to a label means it: no other word for the fault needs to be asked."""
_FURTHER = 0.97
"""What each further paraphrase of a fault is worth, as a share of the one before."""
_UNSPOKEN = 0.4  # what no label of the list speaks of tells none from another


def choose_label(kind: str | None, labels: Sequence[str], *, target: str = "") -> str | None:
    """The label that says what `kind` (lower snake case) says; None where none comes close, where two come equally close, or
    where the list is empty.

    An exact match counts first; then what both speak of, with synonyms, how it fails counting little. A label that speaks of
    something else of the same family (another port, another probe) never fits. What `target` is (`app/cart`, `node/a`) tells a
    label about workloads from one about machines.
    """
    label, likeness = _closest(kind, tuple(labels), _level(target)) if kind is not None else (None, 0.0)
    return label if likeness >= _ENOUGH else None


def choose_first(kinds: Sequence[str | None], labels: Sequence[str], *, target: str = "") -> str | None:
    """The label of the first of several words for one fault, the strongest first, that means it or what it may count as; else one
    that comes half close, and last the only label about the same thing."""
    listed, level, known = tuple(labels), _level(target), [kind for kind in kinds if kind is not None]
    found = [_meant(kind, listed, level) for kind in known]
    sure = (one for one in found if one[1] >= _CLOSE)
    near = (one for one in found if one[1] >= _ENOUGH)
    alone = ((_only(kind, listed, level), 0.0) for kind in known)
    return next((label for label, _ in chain(sure, near, alone) if label is not None), None)


def _meant(kind: str, labels: tuple[str, ...], level: frozenset[str]) -> tuple[str | None, float]:
    own = max(_closest(kind, labels, level), _of_all(_more(ALSO, kind), labels, level), key=lambda one: one[1])
    return own if own[1] >= _ENOUGH else _of_all(_more(BROADER, kind), labels, level)


def _of_all(words: Sequence[str], labels: tuple[str, ...], level: frozenset[str]) -> tuple[str | None, float]:
    """The label closest to one of several paraphrases of a fault, and how close: only one that speaks of the very same things."""
    found = [
        (label, likeness * _FURTHER**place)
        for place, word in enumerate(words, start=1)
        for label, likeness in (_closest(word, labels, level),)
        if label is not None and _things(word) == _things(label)
    ]
    return max(found, key=lambda one: one[1], default=(None, 0.0))


def _more(table: Mapping[str, tuple[str, ...]], kind: str) -> tuple[str, ...]:
    """What else a fault is called; what is said of stores in general is said of each make of store."""
    maker, _, rest = kind.partition("_")
    if kind in table or maker not in MADE_OF["db"] | MADE_OF["cache"]:
        return table.get(kind, ())
    of_any = table.get(f"db_{rest}", ())
    return (*(f"{maker}_{word.removeprefix('db_')}" for word in of_any if word.startswith("db_")), *of_any)


def _only(kind: str, labels: tuple[str, ...], level: frozenset[str]) -> str | None:
    """The one label that speaks of a thing that the fault is about, however it says that it fails."""
    wanted = tokens(kind) | level
    possible = {label: said for label, said in _spread(labels).items() if not _excluded(wanted, said)}
    for thing in sorted(_things(kind) - ASPECTS):
        about = [label for label, said in possible.items() if thing in said]
        if len(about) == 1:
            return about[0]
    return None


@lru_cache(maxsize=4096)
def _closest(word: str, labels: tuple[str, ...], level: frozenset[str]) -> tuple[str | None, float]:
    """The label closest to one word, and how close, 0..1; no label where two are equally close."""
    if word in labels:
        return word, 1.0
    wanted = tokens(word)
    spread = _spread(labels)
    counts = _counts(labels)
    scored = sorted(((_alike(wanted, spread[label], level, counts, len(labels)), label) for label in labels), reverse=True)
    if not scored or (len(scored) > 1 and scored[0][0] - scored[1][0] < 1e-9):
        return None, 0.0
    return scored[0][1], scored[0][0]


@lru_cache(maxsize=64)
def _spread(labels: tuple[str, ...]) -> dict[str, frozenset[str]]:
    return {label: tokens(label) for label in labels}


@lru_cache(maxsize=64)
def _counts(labels: tuple[str, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for found in _spread(labels).values():
        for token in found:
            counts[token] = counts.get(token, 0) + 1
    return counts


_LEVELS = frozenset({"pod", "node", "namespace"})
_PLACES = _LEVELS - {"namespace"}
_FARES = frozenset({"cpu", "memory", "disk", "delay", "loss", "oom", "network", "dns"})


def _level(target: str) -> frozenset[str]:
    level = target.partition("/")[0] if "/" in target else ""
    return frozenset({"app": {"pod"}, "node": {"node"}, "namespace": {"namespace"}}.get(level, set()))


def _alike(wanted: frozenset[str], said: frozenset[str], level: frozenset[str], counts: dict[str, int], total: int) -> float:
    """How much of what both say, 0..1, they say alike. What the label leaves unsaid counts less than what it says and was not
    found; what the target is may be left unsaid. 0 where they share no thing, or speak of two things of one family."""
    both = (wanted | level) & said
    telling = both - HOW - WEAK or not (said - HOW - WEAK or (said & _LEVELS) - both)
    if not telling or _excluded(wanted | level, said):
        return 0.0

    def weigh(found: frozenset[str]) -> float:
        return sum(
            (0.35 if token in HOW else 0.25 if token in WEAK else 1.0)
            * (1.0 + 0.5 * (1 - counts[token] / total) if token in counts else _UNSPOKEN)
            for token in found
        )

    shared = weigh(both)
    return shared / (shared + 0.7 * weigh(wanted - said) + weigh(said - both)) if shared else 0.0


def _excluded(wanted: frozenset[str], said: frozenset[str]) -> bool:
    """Whether two words speak of different things of one family, one of a machine's state and one of a workload's, or only the
    second of a part of the cluster."""
    here, there = wanted & _PLACES, said & _PLACES
    if wanted & said & _FARES and here and there and not here & there:
        return True
    if said & PARTS and not wanted & PARTS:
        return True
    return any(wanted & family and said & family and not wanted & said & family for family in FAMILIES)


def _things(word: str) -> frozenset[str]:
    return tokens(word) - HOW - WEAK


@lru_cache(maxsize=4096)
def tokens(word: str) -> frozenset[str]:
    """What a word speaks of, each thing under its first name."""
    text = f"_{word.lower().replace('-', '_').replace(' ', '_').replace('/', '_')}_"
    if any(f"_{one}_" in text for one in _PROBES):
        for other in PROBE_TIMING:
            text = text.replace(f"_{other}_", "_timing_")
    for other, first in _PHRASES:
        text = text.replace(f"_{other}_", f"_{first}_")
    found = set()
    for first in _LONG:
        if f"_{first}_" in text:
            found.add(first)
            text = text.replace(f"_{first}_", "_")
    found |= {_MEANING.get(token, _MEANING.get(_one(token), _one(token))) for token in text.split("_") if token}
    if "quota" in found:
        found = {_COUNTED.get(token, token) for token in found}
    for general, makes in MADE_OF.items():
        if found & makes:
            found.add(general)
    return frozenset(found)


def _one(token: str) -> str:
    """Of several things one: `pods` as `pod`."""
    kept = len(token) < 4 or token.endswith(("ss", "us", "is", "dns", "tls", "fs")) or token in MAKES
    return token[:-1] if token.endswith("s") and not kept else token


_PROBES = ("probe", "liveness", "readiness", "startup")
_COUNTED = {"pod": "quota_pod", "service": "quota_service"}
"""What a quota counts is a thing; elsewhere these hardly tell a label from another."""
_MEANING = {other: group[0] for group in SAME for other in group if "_" not in other}
_PHRASES = tuple(
    sorted(((other, group[0]) for group in SAME for other in group[1:] if "_" in other), key=lambda one: (-len(one[0]), one[0]))
)
_LONG = tuple(sorted((group[0] for group in SAME if "_" in group[0]), key=lambda first: (-len(first), first)))
