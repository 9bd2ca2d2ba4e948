"""Statements that went without a successor or came without a predecessor, and steps of dependencies."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from graphs.analysis.changes.effects import (
    ASSIGNS,
    CHECKERS,
    CLOSERS,
    FAILING,
    GUARD,
    IO,
    LOCKERS,
    PATTERN,
    SQL,
    TRIVIAL,
    TYPES,
    WAITERS,
    Effect,
    asked_in_loops,
    blocks,
    called_name,
    clean,
    effect_of,
    first_resource,
    head_words,
    last_names,
    name_of,
    passes_error,
    words_of,
)
from graphs.analysis.changes.reading import patterns
from graphs.analysis.changes.reading.statements import Statement, called, defined, file_kind
from graphs.analysis.changes.reading.tokens import stem_set

_KEEPERS = stem_set(
    [
        "cache",
        "registry",
        "history",
        "seen",
        "buffer",
        "sessions",
        "listeners",
        "subscribers",
        "memo",
        "store",
        "recent",
        "index",
        "handlers",
        "callbacks",
    ]
)
_GROWERS = frozenset(
    ["append", "push", "add", "put", "set", "setdefault", "extend", "insert", "Add", "Store", "Append", "Put", "Set"]
)
_STARTERS = frozenset(
    ["setInterval", "create_task", "ensure_future", "add_job", "schedule", "scheduleAtFixedRate", "scheduleWithFixedDelay", "every"]
)
"""Called names that start work in the background, again and again."""
_SPAWNERS = frozenset(
    ["Thread", "Process", "create_task", "ensure_future", "spawn", "spawn_blocking", "setInterval", "startVirtualThread", "fork"]
)
"""Called names that leave something running behind the call."""
_STRICTERS = stem_set(["strict", "disallow", "forbid", "required", "mandatory"])
_DEPENDENCY = re2.compile(r"([A-Za-z@][\w./@:-]*)[\"'`]?\s*(?:[:=<>~^!,]|\s)+\s*[\"'`]?[~^=<>]*v?(\d+(?:\.\d+)+[\w.+-]*)")
_STATUSES = frozenset(str(code) for code in range(200, 600))


def removed(one: Statement, gone: Sequence[Statement], new: Sequence[Statement]) -> Effect | None:
    """What a statement without a successor took with it."""
    words = words_of(one)
    if passes_error(one) or defined(one.text) is not None:
        return None
    if file_kind(one.path) == "schema":
        return effect_of("schema", 0.6, "schema statement removed", one, direction="gone")
    if one.text.startswith(GUARD) or (" if " in one.text and one.text.endswith(("continue", "break", "return"))):
        if _still_asked(one, new):
            return None
        guards = sum(item.text.startswith(GUARD) for item in gone), sum(item.text.startswith(GUARD) for item in new)
        return effect_of("guard_removed", 0.75 if guards[0] > guards[1] else 0.15, "a guard was removed", one, direction="gone")
    if one.text.lstrip("} ").startswith(("except", "catch", "rescue")):
        return effect_of("guard_removed", 0.6, "errors are no longer caught", one, direction="gone")
    if file_kind(one.path) == "code" and one.tokens[0].kind == "string" and ":" in one.key[1:2] + one.key[2:3]:
        return effect_of("literal", 0.45, f"{clean(one.tokens[0].text)} is no longer given", one)
    if words & CLOSERS and (called(one) or one.text.startswith(("defer", "with ", "using "))):
        return effect_of(
            "leak", 0.8, f"{called_name(one)} was removed", one, resource=first_resource(words - CLOSERS), direction="gone"
        )
    if words & WAITERS and called(one):
        return effect_of(
            "gone", 0.6, f"{called_name(one)} was removed", one, resource=first_resource(stem_set(["backoff"])), direction="gone"
        )
    if words & CHECKERS and called(one):
        return effect_of("guard_removed", 0.7, f"{called_name(one)} was removed", one, direction="gone")
    if words & LOCKERS and (
        called(one) or one.text.startswith(("with ", "async with ", "synchronized", "using ", "lock ", "lock("))
    ):
        return effect_of(
            "gone", 0.7, f"{called_name(one)} was removed", one, resource=first_resource(stem_set(["lock"])), direction="gone"
        )
    if one.text.startswith("@") and words_here(one) & _LATER:
        return effect_of("blocking", 0.7, "what was done beside the call is waited for", one, direction="gone")
    resource = first_resource(head_words(one))
    if one.text.startswith("go ") or last_names(one) & _STARTERS:
        return effect_of("gone", 0.65, f"{called_name(one)} is no longer started", one, resource=resource, direction="gone")
    if one.text.startswith("@") or (resource is not None and (called(one) or name_of(one))):
        weight = 0.65 if one.text.startswith("@") else 0.5
        named = one.text.startswith("@") and resource is None and any(token.kind == "string" for token in one.tokens)
        return effect_of(
            "literal" if named else "gone",
            weight,
            f"{clean(name_of(one) or called_name(one))} was removed",
            one,
            resource=resource or first_resource(words),
            direction="gone",
        )
    if file_kind(one.path) == "config":
        note = f"{clean(name_of(one) or one.text.strip('- '))} is no longer listed"
        return effect_of(
            "gone" if resource else "literal", 0.5 if resource else 0.45, note, one, resource=resource, direction="gone"
        )
    if one.text.startswith(("return", "break", "continue")):
        others = any(item.text.startswith("return") and item.path == one.path for item in new)
        return effect_of("condition", 0.1 if others else 0.3, "an exit was removed", one)
    weight = 0.4 if called(one) else 0.25
    return effect_of("call_removed", weight, f"{called_name(one)} was removed", one, direction="gone")


def _still_asked(guard: Statement, new: Sequence[Statement]) -> bool:
    """Whether what a guard asked stands, word for word, in something new: a comprehension, a filter, another branch."""
    asked = [text for text in guard.key if text not in ("if", "elif", "unless", "when", "(", ")", ":", "{", "continue")]
    spelled = [" ".join(text for text in one.key if text not in "()") for one in new]
    return len(asked) >= 2 and any(f" {' '.join(asked)} " in f" {text} " for text in spelled)


def added(one: Statement, come: Sequence[Statement], helpers: set[str], *, looped: bool = False) -> Effect | None:
    """What a statement without a predecessor brings. `looped`: something that went asked in a loop already."""
    words = words_of(one)
    if passes_error(one) or defined(one.text) is not None:
        return None
    if file_kind(one.path) == "schema":
        return _ddl(one)
    fresh = any(name in helpers for name in one.parents)
    called_here = fresh and any(
        name.rpartition(".")[2] in one.parents for other in come for name in called(other) if other is not one
    )
    factor = 1.0 if not fresh else 0.8 if called_here else 0.35
    found = _added(one, words, come)
    if found is not None and fresh and found.kind == "loop_call" and looped:
        factor *= 0.3  # the loop was there, with the same things asked in it
    return found.scaled(factor) if found is not None else None


def _added(one: Statement, words: frozenset[str], come: Sequence[Statement]) -> Effect | None:
    names = last_names(one)
    if asked_in_loops(one):
        kind = "loop_query" if SQL.search(_NO_SQL.sub("(", one.text)) else "loop_call"
        return effect_of(kind, 0.55 if _of_cache(one) else 0.85, f"{called_name(one)} in a loop", one)
    if one.text.startswith(FAILING) and one.parents[-1:] and one.parents[-1] in ("except", "catch", "rescue"):
        return effect_of("strict", 0.1, "an error is passed on as another", one)
    if one.text.startswith(FAILING):
        return effect_of("strict", 0.55, "a new way to fail", one)
    if one.text.startswith("go ") or names & _SPAWNERS:
        once = one.indent == 0 and file_kind(one.path) == "code"  # when the module is read, and not with every call
        return effect_of("spawned", 0.3 if once else 0.6, "work is left running behind the call", one)
    if _holds_the_loop(one, names):
        return effect_of("blocking", 0.7, f"{called_name(one)} blocks the loop it is called in", one)
    if blocks(names):
        return effect_of("blocking", 0.75, f"{called_name(one)} blocks", one)
    for found in (keeping(one), backtracking(one), scanning(one)):
        if found is not None:
            return found
    if one.text.lstrip("} ").startswith(("except", "catch", "rescue")) and not _answers(one, come):
        return effect_of("swallowed", 0.5, "errors are caught, and it goes on", one)
    if one.text.startswith(GUARD):
        return effect_of("guard", 0.12, "a guard was added", one)
    if words & LOCKERS and names:
        return effect_of(
            "blocking", 0.5, f"{called_name(one)} locks", one, resource=first_resource(stem_set(["lock"])), direction="up"
        )
    if one.text.startswith(("@", "[")) and words_here(one) & _DEMANDS:
        return effect_of("tightened", 0.5, "a value is demanded", one)
    if words & _STRICTERS:
        return effect_of("strict", 0.5, "stricter than before", one)
    resource = first_resource(head_words(one))
    if file_kind(one.path) == "config":
        if (name_of(one) or "").rpartition("/")[2].strip("\"'") in _FOR_PEOPLE:
            return effect_of("changed", 0.1, "said to people", one)
        return effect_of(
            "came",
            0.45 if resource else 0.3,
            f"{clean(name_of(one) or one.text)} is set now",
            one,
            resource=resource,
            direction="new",
        )
    if SQL.search(_NO_SQL.sub("(", one.text)):
        return effect_of("query", 0.4, "a new query", one)
    if (
        any(token.text in ASSIGNS for token in one.tokens[:4])
        and any(token.kind == "number" for token in one.tokens)
        and resource is not None
    ):
        return effect_of("came", 0.35, f"{clean(name_of(one) or '')} is set now", one, resource=resource, direction="new")
    if _rows_asked(names):
        return effect_of("query", 0.45, "rows are asked for anew", one)
    if one.text.startswith("return"):
        return effect_of("changed", 0.2, "another result", one)
    outward = names - TRIVIAL
    return (
        effect_of("called", 0.3 if stem_set(outward) & IO else 0.18, f"{called_name(one)} is called now", one)
        if outward
        else effect_of("changed", 0.1, "a new assignment", one)
    )


def _of_cache(one: Statement) -> bool:
    """Whether all that is asked is a cache, which is there to be asked often."""
    asked = [name.rpartition(".")[0] for name in called(one) if "." in name and stem_set([name.rpartition(".")[2]]) & IO]
    return bool(asked) and all("cach" in stem_set([name]) or "memo" in stem_set([name]) for name in asked)


_LATER = frozenset(["async", "asynchronous", "background", "shared_task", "job"])
_NO_SQL = re2.compile(r"\.(?:insert|delete|update|join|drop|alter)\(")  # of a collection or of texts
_FOR_PEOPLE = frozenset(["description", "comment", "owner", "team", "contact", "maintainer", "summary", "runbook", "docs"])


def words_here(one: Statement) -> set[str]:
    """What an annotation is called, in lower case."""
    return {token.text.lower().lstrip("@") for token in one.tokens[:3] if token.kind == "word"}


_DEMANDS = frozenset(
    [
        "notnull",
        "notblank",
        "notempty",
        "nonnull",
        "size",
        "pattern",
        "min",
        "max",
        "email",
        "valid",
        "required",
        "range",
        "stringlength",
        "regularexpression",
        "positive",
    ]
)
"""Annotations by which a value that lacks something is refused."""
_CHOOSE, _TELL = frozenset(["filter", "where", "filter_by"]), frozenset(["count", "exists", "exists?", "aggregate", "distinct"])


def _rows_asked(names: set[str]) -> bool:
    """A chain that chooses rows and has the database tell something about them."""
    return bool(names & _CHOOSE) and bool(names & _TELL)


def _holds_the_loop(one: Statement, names: set[str]) -> bool:
    """Asks the outside without `await` in a coroutine of a language whose usual clients then stop everybody else."""
    inside = _COROUTINE.search(one.nearby) is not None or one.nearby.startswith("async ")
    roots = {name.partition(".")[0] for name in called(one)}
    return inside and one.path.endswith(".py") and "await " not in one.text and bool(roots & _WAITING) and bool(names)


_COROUTINE = re2.compile(r"\basync def\b")
_WAITING = frozenset(["requests", "urllib", "urllib3", "subprocess", "socket", "psycopg2", "pymysql", "boto3", "smtplib", "shutil"])


_DDL: tuple[tuple[tuple[str, ...], str, float, str], ...] = (
    (("drop index", "remove index"), "index_gone", 0.6, "an index was dropped"),
    (
        ("drop ", "rename ", "new column name", "removefield", "renamefield", "remove column", "change column"),
        "schema",
        0.85,
        "something was dropped or renamed",
    ),
    (("add column", "create index", "create unique", "add index"), "schema_lock", 0.5, "a change under lock"),
    (("not null", "unique", "constraint", "check ("), "schema", 0.6, "a stricter constraint"),
    (("alter column", "type "), "schema", 0.6, "another type"),
)
"""Marks of a statement, what it is, its weight and name; the first that fits counts."""


_ASIDE = ("comment on", "begin", "commit", "start transaction", "set search path", "analyze", "set local", "set lock timeout")
"""Statements of a migration that say something about it, or bound it, and alter no table."""


def _ddl(one: Statement) -> Effect:
    low = one.text.lower().replace("_", " ")
    if low.startswith(_ASIDE):
        return effect_of("schema", 0.02, "schema: nothing of the tables", one)
    for marks, kind, weight, note in _DDL:
        if any(mark in low for mark in marks):
            beside = kind == "schema_lock" and ("concurrently" in low or ("add column" in low and "not null" not in low))
            return effect_of("schema" if beside else kind, 0.15 if beside else weight, f"schema: {note}", one)
    return effect_of("schema", 0.15 if low.startswith("on ") else 0.3, "schema: an addition", one)


def _answers(handler: Statement, come: Sequence[Statement]) -> bool:
    """Whether something stands in a new handler that passes the error on or ends the call."""
    inside = [one for one in come if one.block == handler.block and one.indent > handler.indent]
    return any(one.text.startswith(("return", "raise", "throw", "break", "continue", *FAILING)) for one in inside)


_ANYWHERE = re2.compile(r"(?i)\blike\s+[\"'`]?%|[\"'`]%[\"'`]\s*(?:\+|\|\||\.\s)|[\"'`]%[$#]?\{|concat\(\s*[\"']%[\"']")


def backtracking(one: Statement) -> Effect | None:
    """A pattern in which one stretch of text can be split between two repetitions: its cost grows with the text's length
    squared, or worse."""
    if file_kind(one.path) not in ("code", "config") or patterns.linear(one.path):
        return None
    named = PATTERN.search(one.text)
    found = list(patterns.written(one, named.end() if named is not None else None))
    worst = 0.7 if any(map(patterns.exponential, found)) else 0.65 if any(map(patterns.quadratic, found)) else 0.0
    if not worst:
        return None
    return effect_of("backtracking", worst, "a pattern that backtracks", one, resource=first_resource(stem_set(["cpu"])))


def scanning(one: Statement) -> Effect | None:
    """A text searched for anywhere in a column: no index answers that."""
    if not _ANYWHERE.search(one.text):
        return None
    return effect_of("query", 0.8, "matches anywhere, which no index answers", one)


def keeping(one: Statement) -> Effect | None:
    """Puts what it is given into something that outlives the call, if it does."""
    if not _keeps(one, last_names(one), words_of(one)):
        return None
    return effect_of("growth", 0.65, "keeps what it is given", one, resource=first_resource(stem_set(["memory"])), direction="up")


def _keeps(one: Statement, names: set[str], words: frozenset[str]) -> bool:
    """Puts something into a collection that outlives the call."""
    if _fixed(one) or _ARM.match(one.text):
        return False
    receivers = stem_set([name.rpartition(".")[0] for name in called(one)] + [one.text.partition("[")[0].partition("=")[0]])
    onto_field = re2.match(r"^\w+(\.\w+)+ = append\(", one.text) is not None
    long_lived = (
        onto_field
        or one.text.startswith(("self.", "this.", "_", "global "))
        or one.text[:2].isupper()
        or bool(receivers & _KEEPERS)
    )
    stored = (
        bool(names & _GROWERS)
        and (onto_field or bool(names & {"append", "push", "add", "Add", "Append", "extend"}) or "," in one.text)
    ) or ("] =" in one.text.partition("==")[0] and "[" in one.text.partition("=")[0])
    return long_lived and stored and not words & _BOUNDING and not _LASTING.search(one.text)


_BOUNDING = stem_set(["evict", "expire", "limit", "trim", "popleft", "ttl", "expiry", "expires", "maxage"])
_LASTING = re2.compile(
    r"(?i)\b(?:duration|timedelta|timespan|(?:time|of|from)[.:_]*(?:milli)?(?:second|minute|hour)s?)\b|from_(?:secs|millis)"
)
_ARM = re2.compile(r"^(?:case |when )?[\w:.]+\([^()]*\) (?:=>|->) ")  # one case of a match, and no call


def _fixed(one: Statement) -> bool:
    """Puts what is written in the code under what is written in the code: as many as there are lines."""
    start = next((place for place, token in enumerate(one.tokens) if token.text in ("(", "[")), len(one.tokens))
    inside = [token for token in one.tokens[start:] if token.kind != "op"]
    return len(inside) >= 2 and all(token.kind in ("string", "number") and "{" not in token.text for token in inside)


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


def stands_for(gone: Sequence[Statement], come: Sequence[Statement], helpers: set[str]) -> bool:
    """Whether one call, of what asks nobody else, now makes the very value that several statements made of the same things."""
    made = name_of(come[0]) if len(come) == 1 and len(gone) > 1 else None
    if made is None or not helpers or stem_set(helpers) & IO or not any(made in one.key for one in gone):
        return False
    handed = {token.text for token in come[0].tokens if token.kind == "word"} - helpers - TYPES - {made, "auto"}
    return bool(handed) and handed <= {token.text for one in gone for token in one.tokens}


def replaced_by(gone: Sequence[Statement], come: Sequence[Statement], helpers: set[str]) -> bool:
    """Whether calls in `helpers` plausibly hold what `gone` did: named alike, or handed nearly everything it used."""
    lost = stem_set(name.rpartition(".")[2] for one in gone for name in called(one))
    named = stem_set(helpers) & lost - IO or {name.strip("_") for name in helpers if name[:1] == "_"} & {
        name.rpartition(".")[2] for one in gone for name in called(one)
    }
    before = {token.text for one in gone for token in one.tokens if token.kind == "word"}
    after = {token.text for one in come for token in one.tokens if token.kind == "word"}
    kept = len(before & after) / max(1, len(before))
    numbers = {token.text for one in gone for token in one.tokens if token.kind == "number" and not passes_error(one)}
    return (
        (bool(named) or kept >= 0.6 or stands_for(gone, come, helpers))
        and len(helpers) > 0
        and not (numbers - {token.text for one in come for token in one.tokens} - _STATUSES)
    )
