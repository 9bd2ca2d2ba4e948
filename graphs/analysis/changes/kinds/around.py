"""What went around a call and is gone: a retry, a breaker, a cache, a spread by chance."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, clean, name_of, words_of
from graphs.analysis.changes.reading.numbers import resource_at
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import split_identifier, stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import first_resource

_INSIDE = re2.compile(r"=>|->|\blambda\b|\bfunc\s*\(|\bfn\s*\(|\|\w*\||\bdo\b|::|\) \{ ")
_AROUND = stemmed("limit retry cached memo once breaker throttle debounce atomic lock timeout transaction")


def without_its_wrapper(before: Statement, after: Statement) -> Effect | None:
    """The same call, without the one that went around it: a retry, a breaker, a cache, one flight for all."""
    if file_kind(after.path) != "code" or not _INSIDE.search(before.text) or _INSIDE.search(after.text):
        return None
    was, now = called(before), called(after)
    around = {name for name in was - now if "." in name or len(split_identifier(name)) > 1 or stem_set([name]) & _AROUND}
    if not now or not now <= was or not around or len(after.key) >= len(before.key):
        return None
    name = min(around, key=lambda one: before.text.index(one.partition(".")[0]))
    resource = first_resource(stem_set([name])) or first_resource(words_of(before) - words_of(after))
    note = f"{clean(name)} no longer goes around {clean(min(now))}"
    return effect_of("gone", 0.6, note, after, resource=resource, direction="gone", other=before)


_SPREAD = stemmed("rand random jitter jittered uniform randint intn splay randomize")


def unspread(before: Statement, after: Statement) -> Effect | None:
    """What was spread by chance falls together now."""
    if not _SPREAD & words_of(before) or _SPREAD & words_of(after):
        return None
    words = words_of(before) | words_of(after) | stem_set([before.nearby])
    resource = resource_at(name_of(after) or called_name(after), after) or first_resource(words)
    if resource is None or resource.kind not in ("cache", "retry", "interval", "timeout", "lifetime"):
        return None
    return effect_of(
        "gone", 0.6, f"{clean(resource.kind)} is no longer spread", after, resource=resource, direction="gone", other=before
    )


KINDS = (
    Altered(without_its_wrapper),
    Altered(unspread),
)
