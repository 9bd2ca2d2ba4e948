"""Clients and connections that were held open, and are made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import function
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, own_name
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.calls import IO, TRIVIAL
from graphs.analysis.changes.vocabulary.resources import RESOURCE

MADE = stemmed("client session connect connection pool engine channel dial executor")


_MAKES = re2.compile(
    r"\bnew \w*(?:Client|Pool|Connection|Session|Producer|RestTemplate|Channel|Redis|PDO|DataSource)\b(?:<[^()]*>)?\s*[({]"
    r"|\b(?:http|grpc|sql|redis|mongo|pgx|pgxpool|amqp|nats|kafka|net)\.(?:Dial\w*|Open|NewClient|NewWriter|NewReader|Connect|New)\("
    r"|&?\b(?:http|kafka|redis|fasthttp)\.(?:Client|Transport|Writer|Reader)\{"
    r"|\b(?:redis\.(?:Redis|StrictRedis|from_url|createClient)|create_(?:async_)?engine|MongoClient|boto3\.(?:client|resource)"
    r"|(?:psycopg2?|pymysql|asyncpg|aiomysql|mysql|pg|mysql2|amqp|amqplib|stomp)\.(?:connect|create_pool|createPool|createConnection)"
    r"|(?:httpx|aiohttp|requests)\.(?:Client|AsyncClient|ClientSession|Session)|KafkaProducer|grpc\.(?:aio\.)?\w+_channel)\("
    r"|\b(?:Redis|Faraday|PG|Bunny|Net::HTTP|HTTPClient|Excon|\w+::Client)\.(?:new|connect|start)\b"
    r"|\b(?:\w*Client|\w*Pool\w*|PgConnection|Connection)::(?:new|connect|builder|open|establish)\("
    r"|\bHttpClient\.new\w+\(|\bDriverManager\.getConnection\(|\bManagedChannelBuilder\.\w+\(|\bGrpcChannel\.ForAddress\("
    r"|\bConnectionMultiplexer\.Connect\w*\(|\bOkHttpClient(?:\.Builder)?\(|\bHttpClient\((?:CIO|OkHttp|\))"
)
"""What makes a client or a connection of its own, in the usual libraries of the usual languages."""
_ONCE = re2.compile(
    r"(?i)^_{0,2}(?:init|new|constructor|main|set_?up|start|boot|bootstrap|run|configure\w*|provide\w*|open|connect|dial|initialize"
    r"|lifespan|before\w*|\w*(?:module|factory|client|pool|engine|connection|session|redis|http|db|database|producer|channel|conn))_{0,2}$"
    r"|^(?-i:New[A-Z]\w*)$"
)
"""Names of what is run once, or is there to make one."""
_KEPT_BY = re2.compile(
    r"^(?:self|this|@{1,2}\w|_?[A-Z][A-Z_]+\b|\w+\.\w+ =|global |static |export )|\b(?:lazy|once|static|singleton|cached)\b"
    r"|\?\?=|\|\|="
)


def made_anew(sides: Sides) -> Iterator[Effect]:
    """A client or connection of its own for each call, where calls shared one before."""
    if any(_MAKES.search(one.text) and not _shared(one) for one in sides.olds):
        return
    fresh = {(one.path, one.text) for one in sides.new}
    asked = {(one.path, name) for one in sides.olds for name in _asked(one)}
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            if (one.path, one.text) not in fresh or file_kind(one.path) != "code" or not _MAKES.search(one.text) or _kept(one):
                continue
            opener = function(hunk, place)
            name = defined(opener.text) if opener is not None else next(iter(one.parents[-1:]), None)
            if not one.indent or (name is not None and _ONCE.match(name)) or _of_the_type(opener):
                continue
            before = any(
                (other.path, verb) in asked for other in hunk[place:] if other.indent >= one.indent for verb in _asked(other)
            )
            if before or any(_shared(other) for other in sides.olds):
                pool = RESOURCE["connection_pool"]
                note = f"{clean(own_name(one)) or 'a client'} made anew by every call"
                made = effect_of("renewed", 0.65, note, one, resource=pool, direction="gone")
                yield replace(made, words=made.words | stem_set(["connections", "sockets", "connect"]))
                return


def _kept(one: Statement) -> bool:
    return _KEPT_BY.search(one.text) is not None


def _asked(one: Statement) -> set[str]:
    """Last names of what is called behind a dot, also where types stand between name and bracket."""
    return {
        name for name in _CALLED.findall(one.text) if name not in TRIVIAL and name not in _PLAIN and not _MAKES.search(f"{name}(")
    }


_CALLED = re2.compile(r"(?:\.|->|::)(\w+)(?:<[^<>()]*(?:<[^<>()]*>)?[^<>()]*>)?\(")
_PLAIN = listed("unwrap await to_string Close close then catch map builder build timeout json text raise_for_status body expect")


def _of_the_type(opener: Statement | None) -> bool:
    """Whether a statement stands in a class, and in none of its functions: one for each object, as long as that lives."""
    return opener is not None and re2.match(r"^(?:[\w@]+ )*(?:class|object|struct|module|interface)\b", opener.text) is not None


def _shared(one: Statement) -> bool:
    """What held a client for all: a field, a thing of the module, something handed in."""
    made_once = one.indent == 0 or _kept(one) or any(_ONCE.match(name) for name in one.parents)
    return made_once and file_kind(one.path) == "code" and _MAKES.search(one.text) is not None


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
    Throughout(made_anew),
)
