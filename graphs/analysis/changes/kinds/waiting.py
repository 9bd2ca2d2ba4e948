"""What is waited for now: answers, deferred work, probes that ask others, calls that no deadline ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import re2

from graphs.analysis.changes.effect import ANOTHER_CALL, Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.kinds.leaks import closes
from graphs.analysis.changes.matching.differences import amid
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import WITHIN, called_name, calls_out, clean, last_names, name_of
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_WAITS = listed("get join result wait block Wait GetResult blockFirst blockLast recv value")
_AND_WAIT = re2.compile(r"^(?:_?[sS]ync|_now|Now|AndWait|_and_wait|AndReceive)$")
_ASKING = frozenset(
    [
        ("cast", "call"),
        ("tell", "ask"),
        ("dispatch_async", "dispatch_sync"),
        ("perform_later", "perform_now"),
        ("enqueue", "execute"),
        ("deliver_later", "deliver_now"),
        ("publish", "request"),
        ("BeginInvoke", "Invoke"),
        ("postValue", "setValue"),
        ("sendAsync", "send"),
    ]
)


def waited(before: Statement, after: Statement) -> Effect | None:
    """The same request, whose answer is waited for now."""
    was, now = amid(before, after)
    texts = [token.text for token in now]
    ends = not was and texts[:1] == ["."] and texts[1:2] != [] and texts[1] in _WAITS and texts[2:] in (["(", ")"], [])
    lost, come = ([token.text for token in side if token.kind == "word"] for side in (was, now))
    pair = len(lost) == len(come) == 1 and ((lost[0], come[0]) in _ASKING or _AND_WAIT.match(come[0].removeprefix(lost[0])))
    script = after.path.endswith((".ts", ".tsx", ".js", ".jsx", ".mjs", ".cs"))  # where what nobody awaits runs all the same
    awaits = script and not was and texts == ["await"] and bool(last_names(before)) and name_of(before) is None
    awaits = awaits and not before.text.startswith("return")
    if not (ends or pair or awaits):
        return None
    return effect_of(
        "blocking", 0.7, f"{clean(texts[1] if ends else (come or texts)[0])}: an answer is waited for now", after, other=before
    )


_PUTS_OFF = listed(
    "submit runAsync supplyAsync create_task ensure_future add_task delay apply_async perform_later perform_async "
    "deliver_later enqueue Enqueue QueueBackgroundWorkItem setImmediate nextTick spawn put_nowait offer try_send TryWrite "
    "fire_and_forget run_in_executor queueMicrotask execute_async"
)
"""Called names after which nobody waits for what is to be done."""
_QUEUES = stemmed("queue buffer outbox channel backlog executor background batcher events jobs tasks")
_PUTS = listed("put add push append send write Add Send Write TryWrite enqueue")
_SENT = re2.compile(
    r"^(?:case )?[\w.\[\]]+ <- [^=]|^go |^void \w|\bTask\.Run\(|\bThread\("
    r"|\b(?:launch|async|thread|Thread\.new|Thread\.start) \{|\bDispatchQueue\."
)


def _put_off(one: Statement) -> bool:
    names = last_names(one)
    if names & _PUTS_OFF or _SENT.search(one.text):
        return True
    receivers = stem_set(name.rpartition(".")[0].rpartition(".")[2] for name in called(one) if "." in name)
    return bool(names & _PUTS and receivers & _QUEUES)


def done_here(sides: Sides) -> Iterator[Effect]:
    """What was only handed to somebody who did it later is done now before there is an answer."""
    old, new = sides.code
    for path in sorted({one.path for one in old}) if new else ():
        deferred = [one for one in old if one.path == path and _put_off(one)]
        if not deferred or any(_put_off(one) for one in new):
            continue
        before = {name for one in old if one.loops == 0 for name in last_names(one) if not _put_off(one)}
        for one in new:
            asks = calls_out(one) or "await" in one.key or WITHIN.search(one.text) is not None or _handed_on(one, deferred)
            fresh = last_names(one) - before
            if one.path == path and asks and fresh and defined(one.text) is None and not closes(one):
                note = f"{called_name(one)} is waited for, and no longer done later"
                yield effect_of("blocking", 0.75, note, one, other=deferred[0])
                break


def _handed_on(one: Statement, deferred: Sequence[Statement]) -> bool:
    """Whether a statement calls itself what was named in what was put off: `pool.submit(() -> mailer.send(m))`."""
    said = {token.text for other in deferred for token in other.tokens if token.kind == "word"}
    return bool((last_names(one) - _PUTS_OFF) & said)


_DETACHED = ("context.Background", "context.TODO", "context.WithoutCancel", "CancellationToken.None")


def cut_off(before: Statement, after: Statement) -> Effect | None:
    """The caller's deadline and its giving up no longer reach what is called."""
    came = next((name for name in _DETACHED if name in after.text and name not in before.text), None)
    if came is None or not {"ctx", "context", "cancellationToken", "ct", "token"} & set(before.key):
        return None
    limit = RESOURCE["timeout"]
    return effect_of(
        "gone", 0.6, f"{clean(came)}: no deadline of the caller holds", after, resource=limit, direction="gone", other=before
    )


_PROBES = stemmed("health healthz healthcheck readiness liveness ready readyz livez alive probe")
_ASKS = stemmed("query ping fetch get execute exec request select connect check call raw")


@lru_cache(maxsize=1 << 12)
def _near_probes(nearby: str, parents: tuple[str, ...]) -> bool:
    return bool(stem_set([*parents, nearby]) & _PROBES)


def probed(sides: Sides) -> Iterator[Effect]:
    """A probe that asks others now: where they fail, this one is taken out or started anew too."""
    for one in sides.new:
        if file_kind(one.path) != "code" or not one.parents or not _near_probes(one.nearby, one.parents):
            continue
        dotted = [name for name in called(one) if "." in name and stem_set([name.rpartition(".")[2]]) & _ASKS]
        if dotted:
            probe = RESOURCE["probe"]
            yield effect_of("strict", 0.6, f"a probe asks {clean(min(dotted))} now", one, resource=probe, direction="down")
            return


KINDS = (
    Altered(waited, of="code", instead_of=ANOTHER_CALL),
    Altered(cut_off),
    Throughout(probed),
    Throughout(done_here),
)
