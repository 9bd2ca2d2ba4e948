"""Clients and connections that were held open, and are made anew."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Added, Altered
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, last_names, name_of, own_name
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.calls import IO, TRIVIAL
from graphs.analysis.changes.vocabulary.resources import RESOURCE

MADE = stemmed("client session connect connection pool engine channel dial executor")
_BUILT = re2.compile(r"[=(]\s*&?(?:\w+\.)*\w*(?:Client|Transport|Session|Pool|Dialer)\w*\{")


def made_anew(one: Statement, sides: Sides) -> Effect | None:
    """A client or connection of its own for calls that another one made before."""
    makes = {name for name in last_names(one) if stem_set([name]) & MADE and not name.islower()} or _BUILT.search(one.text)
    if not makes or one.indent == 0 or name_of(one) is None or file_kind(one.path) != "code":
        return None
    before = {name for other in sides.olds if other.block == one.block for name in last_names(other)}
    after = {name for other in sides.news if other.block == one.block and other is not one for name in last_names(other)}
    if not before & after - TRIVIAL or any(stem_set(last_names(other)) & MADE for other in sides.olds if other.block == one.block):
        return None
    pool = RESOURCE["connection_pool"]
    note = f"{clean(own_name(one))} made anew by every call"
    return effect_of("renewed", 0.6, note, one, resource=pool, direction="gone")


def no_longer_kept(before: Statement, after: Statement) -> Effect | None:
    """The same call, no longer of the connection that was held open for it."""
    was, now = ({name.rpartition(".")[2]: name.rpartition(".")[0] for name in called(one)} for one in (before, after))
    for name in was.keys() & now.keys():
        kept, holder = was[name], now[name]
        if "." in kept and stem_set([kept]) & MADE and not stem_set([holder]) & MADE and stem_set([name]) & IO:
            pool = RESOURCE["connection_pool"]
            return effect_of("renewed", 0.6, f"{clean(kept)} is passed by", after, resource=pool, direction="gone", other=before)
    return None


_SESSIONS = listed("session client http pool agent conn self.session self.client")
_ONE_TIME = listed("requests urllib axios fetch httpx http HTTParty RestClient Faraday got")
_VERBS = listed("get post put delete patch request head Get Post Do send")


def own_session(before: Statement, after: Statement) -> Effect | None:
    """The same call, of a library itself and no longer of the session that kept connections open."""
    was, now = ({name.rpartition(".")[2]: name.rpartition(".")[0] for name in called(one)} for one in (before, after))
    for verb in was.keys() & now.keys() & _VERBS:
        held = stem_set([was[verb]]) & stem_set(_SESSIONS)
        if held and now[verb] in _ONE_TIME and was[verb] != now[verb] and was[verb] not in _ONE_TIME:
            pool = RESOURCE["connection_pool"]
            return effect_of(
                "renewed", 0.6, f"{clean(was[verb])} is passed by", after, resource=pool, direction="gone", other=before
            )
    return None


KINDS = (
    Altered(own_session),
    Added(made_anew),
)
