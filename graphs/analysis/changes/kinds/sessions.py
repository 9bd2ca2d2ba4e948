"""State of a session with a database, where who asks keeps no session of its own, or keeps more in it than before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_MODE = re2.compile(
    r"(?i)(?:\b|_)pool(?:ing|er)?_?(?:mode|type)\b[\"']?\s*(?:[:=,]|=>)?\s*[\"']?(session|transaction|statement)\b"
    r"|^pool\s+[\"']?(session|transaction|statement)\b"
)
_NARROW = {"session": 0, "transaction": 1, "statement": 2}


def pooled(sides: Sides) -> Iterator[Effect]:
    """Connections of a pool are handed on with each transaction, or each statement, and no longer with each session."""
    was, now = _modes(sides.olds), _modes(sides.news)
    named = any(_KEY.search(one.text) for one in sides.olds)  # and what it was, where a template says it otherwise
    if not now or (not was and not named):
        return
    mode, one = max(now, key=lambda found: _NARROW[found[0]])
    before = max((_NARROW[found[0]] for found in was), default=0)
    if _NARROW[mode] > before:
        note = f"connections are shared by {mode}: what a session kept is gone with the next"
        yield effect_of("pooled", 0.75, note, one, resource=RESOURCE["connection_pool"], direction="other")
    elif _NARROW[mode] < before and mode == "session":
        note = "each client keeps a connection of the pool for as long as it stays"
        yield effect_of("literal", 0.65, note, one, resource=RESOURCE["connection_pool"], direction="down")


_KEY = re2.compile(r"(?i)(?:\b|_)pool(?:ing|er)?_?(?:mode|type)\b")


def _modes(side: Sequence[Statement]) -> list[tuple[str, Statement]]:
    found = [(match, one) for one in side if (match := _MODE.search(_in_full(one))) is not None]
    return [((match.group(1) or match.group(2)).lower(), one) for match, one in found]


def _in_full(one: Statement) -> str:
    """A value with its name, also where the name stands on a line of its own."""
    value = _VALUE.match(one.text)
    return f"pool_mode: {value.group(1)}" if value is not None and _KEY.search(one.nearby) else one.text


_VALUE = re2.compile(r"^value: [\"']?(\w+)[\"']?$")


_UNPREPARED = re2.compile(
    r"(?i)\bprepareThreshold[\"']?\s*[=:,]\s*[\"']?0\b|\bprepare_threshold[\"']?\s*[=:]\s*None\b"
    r"|\b(?:prepared_)?statement_cache_(?:size|capacity)[\"']?\s*[=:]\s*0\b|\bprepared_statements[\"']?\s*[=:]\s*false\b"
    r"|\bprefer_?simple_?protocol[\"']?\s*[=:]\s*true\b|\b(?:simple_protocol|QueryExecModeSimpleProtocol|QueryExecModeExec)\b"
    r"|\bprepare:\s*false\b|\bdisable_server_side_cursors[\"']?\s*[=:]\s*true\b|\bATTR_EMULATE_PREPARES\W+true\b"
    r"|\bmax_prepared_statements\s*=\s*[1-9]"
)


def prepared(sides: Sides) -> Iterator[Effect]:
    """Statements are prepared on a connection again, which the next one may not get."""
    went = next((one for one in sides.olds if _UNPREPARED.search(one.text)), None)
    if went is not None and not any(_UNPREPARED.search(one.text) for one in sides.shown.standing):
        note = "statements are prepared within a session again"
        yield effect_of("pooled", 0.6, note, went, resource=RESOURCE["connection_pool"], direction="other")


_OF_TRANSACTION = re2.compile(r"(?i)\bset\s+local\b|\bset_config\([^()]*,\s*true\s*\)|\bpg_(?:try_)?advisory_xact_lock")
_OF_SESSION = re2.compile(
    r"(?i)\bset\s+(?:session\s+)?[a-z_]+(?:\.[a-z_]+)?\s*(?:=|to\b)|\bset_config\([^()]*,\s*false\s*\)|\bpg_(?:try_)?advisory_lock"
)
_RESET = re2.compile(r"(?i)\bserver_reset_query\s*=\s*['\"]?\w|\bdiscard\s+all\b|\breset_?session\b[\"']?\s*[=:]\s*true\b")
_ASKED = re2.compile(r"(?i)[\"'`]\s*(?:set|select)\b|^(?:set|select|perform)\b|\bset_config\(|\bpg_\w+lock")


def outliving(sides: Sides) -> Iterator[Effect]:
    """What ended with its transaction stays with the connection, for whoever is handed it next."""
    lock = RESOURCE["lock"]
    was = [one for one in sides.olds if _OF_TRANSACTION.search(one.text) and _ASKED.search(one.text)]
    now = [one for one in sides.news if _OF_SESSION.search(one.text) and _ASKED.search(one.text)]
    if was and now and not any(_OF_TRANSACTION.search(one.text) for one in sides.news):
        locks = "advisory" in now[0].text.lower()
        note = "a lock is held by the session" if locks else "what is set holds for the whole session"
        yield effect_of("pooled", 0.7, f"{note}, not the transaction", now[0], resource=lock if locks else None, direction="up")
    went = next((one for one in sides.olds if _RESET.search(one.text)), None)
    if went is not None and not any(_RESET.search(one.text) for one in sides.shown.standing):
        yield effect_of("pooled", 0.65, "connections are handed on as they were left", went, direction="gone")


KINDS = (Throughout(pooled), Throughout(prepared), Throughout(outliving))
