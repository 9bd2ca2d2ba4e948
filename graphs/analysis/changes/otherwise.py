"""What a statement's new version does otherwise, beyond numbers and conditions: always one value, another unit, an option more, all
of it at once, waiting for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import re2

from graphs.analysis.changes.effects import (
    GUARD,
    TRUTHS,
    Direction,
    Effect,
    clean,
    effect_of,
    first_resource,
    last_names,
    name_of,
    passes_error,
    wordy,
)
from graphs.analysis.changes.lexicon import resources_of
from graphs.analysis.changes.numbers import resource_at
from graphs.analysis.changes.reading.statements import Statement, defined, file_kind
from graphs.analysis.changes.reading.tokens import SECONDS, Measure, Token, split_identifier, stem_set

_SHARE = 0.5  # of the tokens alike: else it is another statement


def otherwise(before: Statement, after: Statement, old: Sequence[Statement]) -> list[Effect]:
    """`old`: everything that went, for what is only written in place of its name."""
    if file_kind(after.path) == "config":
        return [effect for effect in (_other_unit(before, after),) if effect is not None]
    if file_kind(after.path) != "code" or passes_error(after) or passes_error(before):
        return []
    found = (
        _always(before, after, old),
        _waited(before, after),
        _unit_word(before, after),
        _option(before, after),
        _whole(before, after),
    )
    return [effect for effect in found if effect is not None]


_WAITS = frozenset(["get", "join", "result", "wait", "block", "Wait", "GetResult", "blockFirst", "blockLast", "recv", "value"])
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


def _waited(before: Statement, after: Statement) -> Effect | None:
    """The same request, whose answer is waited for now."""
    was, now = _amid(before, after)
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


def _swaps(before: Statement, after: Statement) -> list[tuple[tuple[Token, ...], tuple[Token, ...]]]:
    matcher = SequenceMatcher(None, before.key, after.key, autojunk=False)
    if matcher.ratio() < _SHARE:
        return []
    return [
        (before.tokens[left:left_end], after.tokens[right:right_end])
        for tag, left, left_end, right, right_end in matcher.get_opcodes()
        if tag != "equal"
    ]


def _amid(before: Statement, after: Statement) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """What differs between an equal beginning and an equal end."""
    pairs = list(zip(before.key, after.key, strict=False))
    start = next((place for place, (left, right) in enumerate(pairs) if left != right), len(pairs))
    backwards = list(zip(before.key[start:][::-1], after.key[start:][::-1], strict=False))
    end = next((place for place, (left, right) in enumerate(backwards) if left != right), len(backwards))
    return before.tokens[start : len(before.tokens) - end], after.tokens[start : len(after.tokens) - end]


def _always(before: Statement, after: Statement, old: Sequence[Statement]) -> Effect | None:
    """What depended on something is one value now, the same for all."""
    was, now = _amid(before, after)
    if before.text.startswith(GUARD) or defined(after.text) is not None:
        return None
    constant = len(now) >= 3 and all(token.text == "." or token.text[:1].isupper() for token in now) and was[:1] != now[:1]
    if (len(now) != 1 and not constant) or not was or not any(token.kind == "word" and token.text[:1].islower() for token in was):
        return None
    if (
        any(token.kind in ("string", "number") or token.text in ("(", ")", "=", ",", "new") for token in was[:1])
        or was[0].kind == "op"
    ):
        return None
    value = now[0]
    fixed = value.kind in ("string", "number") and not wordy(value.text) and "{" not in value.text
    named = value.kind == "word" and len(value.text) > 2 and value.text.isupper() and not stem_set([value.text]) & _spoken(was)
    known = any(value.text in one.key for one in old)
    if (
        not (fixed or named or constant)
        or known
        or not any("(" in one.key or "=" in one.key or ":" in one.key for one in (before,))
    ):
        return None
    name = "".join(token.text for token in was)
    made = effect_of("fixed", 0.6, f"{clean(name)} is always {clean(now[-1].text)} now", after, resource=None, other=before)
    return replace(made, words=made.words | _spoken(was))


def _spoken(tokens: Sequence[Token]) -> frozenset[str]:
    return stem_set(token.text for token in tokens if token.kind == "word")


_TIMES = {**{word: unit for word, unit in SECONDS.items() if word not in ("m", "d", "h", "s")}, "ex": 1.0, "px": 1e-3, "s": 1.0}


def _unit_word(before: Statement, after: Statement) -> Effect | None:
    """The same number, in another unit that stands beside it as a text."""
    for was, now in _swaps(before, after):
        if len(was) != 1 or len(now) != 1 or was[0].kind != now[0].kind or was[0].kind not in ("string", "word"):
            continue
        if was[0].kind == "word" and not any(token.kind == "number" for token in after.tokens):
            continue
        left, right = (_TIMES.get(side[0].text.strip("\"'`").lower()) for side in (was, now))
        if left and right and left != right:
            resource = resource_at(name_of(after) or "", after) or first_resource(stem_set(["ttl"]))
            direction: Direction = "down" if right < left else "up"
            note = f"{clean(was[0].text)} -> {clean(now[0].text)}"
            return effect_of("number", 0.8, note, after, resource=resource, direction=direction, other=before)
    return None


def _other_unit(before: Statement, after: Statement) -> Effect | None:
    """The same number under a name that says another unit."""
    names = [split_identifier((name_of(one) or "").rpartition("/")[2]) for one in (before, after)]
    units = [[word for word in name if word in SECONDS and len(word) > 1] for name in names]
    rest = [[word for word in name if word not in SECONDS] for name in names]
    if len(units[0]) != 1 or len(units[1]) != 1 or units[0] == units[1] or rest[0] != rest[1]:
        return None
    values = [next((float(token.text) for token in one.tokens if _PLAIN.match(token.text)), 0.0) for one in (before, after)]
    per = "per" in rest[0]
    amounts = [value / SECONDS[unit[0]] if per else value * SECONDS[unit[0]] for value, unit in zip(values, units, strict=True)]
    if not all(amounts) or abs(amounts[0] / amounts[1] - 1.0) < _ALIKE:
        return None
    note = f"{clean(' '.join(names[0]))} {values[0]:g} -> {clean(' '.join(names[1]))} {values[1]:g}"
    key = (name_of(after) or "").rpartition("/")[2]
    return effect_of(
        "number",
        0.85,
        note,
        after,
        resource=resource_at(key, after),
        direction="down" if amounts[1] < amounts[0] else "up",
        before=Measure(amounts[0], "" if per else "s"),
        after=Measure(amounts[1], "" if per else "s"),
        other=before,
    )


_ALIKE = 0.01
_PLAIN = re2.compile(r"^\d{1,12}(?:\.\d{1,12})?$")
_AWAY = frozenset(["disable", "disabled", "skip", "no", "without", "ignore", "close", "off"])


def _option(before: Statement, after: Statement) -> Effect | None:
    """One more option, switched, where nothing was said before."""
    known = set(before.key)
    for place in range(1, len(after.tokens) - 2):
        name, mark, value = after.tokens[place : place + 3]
        inside = after.key[place - 1] in (",", "{", "(")
        if not inside or name.kind != "word" or mark.text not in (":", "=") or name.text in known:
            continue
        truth = TRUTHS.get(value.text.lower())
        words = split_identifier(name.text)
        hits = resources_of(stem_set([name.text]))
        if truth is None or value.text in known or not hits or after.key[place + 3 : place + 4] not in ((), (",",), (")",), ("}",)):
            continue
        away = bool(_AWAY & set(words)) is truth
        note = f"{clean(name.text)} is {clean(value.text)} now"
        return effect_of("switch", 0.6, note, after, resource=hits[0], direction="gone" if away else "up", other=before)
    return None


_WHOLE = frozenset(
    [
        "ReadAll",
        "ReadFile",
        "readAll",
        "read_to_end",
        "read_to_string",
        "readFileSync",
        "readFile",
        "fetchall",
        "toArray",
        "ToArray",
        "readAllBytes",
        "readAllLines",
        "ReadToEnd",
        "ReadAllText",
        "ReadAllBytes",
        "readlines",
        "arrayBuffer",
        "toByteArray",
        "read",
        "ToList",
        "ToListAsync",
        "toList",
        "findAll",
        "all",
        "collect",
        "getResultList",
        "to_a",
        "text",
    ]
)
_BIT_BY_BIT = frozenset(
    [
        "Copy",
        "CopyN",
        "pipe",
        "pipeline",
        "iter_content",
        "iter_lines",
        "readline",
        "readLine",
        "createReadStream",
        "find_each",
        "find_in_batches",
        "in_batches",
        "iterator",
        "fetchmany",
        "yield_per",
        "NewDecoder",
        "NewScanner",
        "NewReader",
        "BufReader",
        "bufReader",
        "iter_chunked",
        "transferTo",
        "copy",
        "copyfileobj",
        "CopyToAsync",
        "CopyTo",
        "AsAsyncEnumerable",
        "AsEnumerable",
        "streamAll",
        "findAllBy",
        "getResultStream",
        "cursor",
        "each_line",
        "foreach",
        "LimitReader",
        "newBufferedReader",
        "chunks",
    ]
)


def _whole(before: Statement, after: Statement) -> Effect | None:
    """What went through bit by bit is held all at once."""
    was, now = ({token.text for token in one.tokens if token.kind == "word"} for one in (before, after))
    lost, come = was - now, now - was
    if not lost & _BIT_BY_BIT or not come & _WHOLE or come & _BIT_BY_BIT:
        return None
    note = f"{clean(min(come & _WHOLE))} holds all at once"
    return effect_of("whole", 0.7, note, after, resource=first_resource(stem_set(["memory"])), direction="up", other=before)
