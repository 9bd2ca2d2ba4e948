"""Secrets out of outside text, before anything remembers or shows it.

A secret becomes `[redacted:<kind>:<6 digits>]`. The digits are a keyed hash of the secret: the same secret has the same
placeholder, so "both pods use the same password" can still be seen, and without the key nobody can try guesses against it. The
key lives as long as the process unless `use_key` gives one: an installation's own, from its data folder. What counts as a secret
stands in `redaction_rules`; here it is also looked for behind base64, URL escapes and text that was taken apart. Nothing is
guessed from randomness, so ids, UUIDs and commit hashes stay readable.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from functools import partial
from typing import Any
from urllib.parse import unquote

import re2

from app.domain.redaction_rules import RULES, Rule

DEEPEST = 3
"""How many encodings one inside the other are looked behind."""


def _in_base64(word: str) -> set[str]:
    """What stands in base64 text wherever `word` is in what was encoded: one form for each of three alignments."""
    found = set()
    for before in range(3):
        written = base64.b64encode(b"\0" * before + word.encode()).decode()
        found.add(written[-(-before * 8 // 6) : (before + len(word)) * 8 // 6])
    return found


_WORDS = (
    *(
        "passw",
        "secret",
        "token",
        "api_key",
        "apikey",
        "api-key",
        "bearer",
        "authoriz",
        "private",
        "credential",
        "cookie",
        "sessid",
    ),
)
_FORMS = (
    *("AKIA", "ASIA", "xoxb", "xoxp", "xapp-", "eyJhbG", "ghp_", "gho_", "ghs_", "github_pat", "glpat-", "sk_live", "AIza", "npm_"),
    *("pypi-", "hvs.", "ya29.", "_v1_", "Api-Key", "ccountKey", "IDENTIFIED", "@tcp("),
)
_LINKS = ("s://", "p://", "l://", "b://", "v://")
_SPELT = {spelt for word in _WORDS for spelt in (word, word.upper(), word.capitalize())} | {*_FORMS, *_LINKS}
_BASE64 = "|".join(sorted({form for word in _SPELT for form in _in_base64(word)}))

TRIGGER = (
    r"(?i:bearer|authorization|cookie|passw|passphrase|pwd|secret|token|credential|api.?key|(?:access|auth|private|account|signing).?key"
    r"|identified by|sess(?:ion)?id|connect\.sid|[?&;][a-z-]*sig(?:nature)?=|@(?:tcp|unix|udp)\(|\bcurl\b|webhook|hooks\.slack)"
    r"|AKIA|ASIA|xox[a-z][-.]|xapp-|eyJ|gh[pousr]_|github_pat_|gl(?:pat|dt|rt|soat|ptt)-|npm_|sk-|[rs]k_(?:live|test)_|whsec_|AIza|ya29\."
    r"|GOCSPX-|hv[sbr]\.|_v1_|dckr_pat_|pypi-|glsa_|glc_|NRAK-|shp[a-z]{2}_|SG\.|hf_|dapi|sntrys_|AGE-SECRET|lin_api_|PMAK-|sq0|xkeysib-"
    r"|%[2-7][0-9A-Fa-f]|://[^/\s]*@|LS0tLS1CRUdJTi|PRIVATE KEY|\A[A-Za-z0-9+/]{64}\r?\n?\z"
    rf"|{_BASE64}"
)
"""A line without any of these holds no secret that would be found. Valid for re2 and for polars alike."""

_TRIGGER = re2.compile(TRIGGER)
_IN_BASE64 = re2.compile(_BASE64)
_MAYBE_BASE64 = re2.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_ESCAPED = re2.compile(r"""[^\s"'<>]*%[0-9A-Fa-f]{2}[^\s"'<>]*""")
_INVISIBLE = re2.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
# Python's own, whose `sub` is forty times as fast where a text has many; possessive throughout, so nothing is ever tried twice.
_SEAMS = re.compile(r"""\\\r?\n\s*+|["']\s*+\+?+\s*+\\?+\r?+\n?+[+-]?+\s*+["']""")
_PLACEHOLDER = re2.compile(r"\[redacted:[a-z-]+:\d+\]")
_LONG = 8192
"""Characters; no secret's name and the signs around it are as long."""


class _Key:
    value: bytes | None = None


def use_key(key: bytes) -> None:
    """Make placeholders comparable across processes that were given the same key (an installation's own secret)."""
    _Key.value = key


def redact(text: str) -> str:
    """`text` with its secrets replaced. Idempotent. Text without a secret is returned unchanged."""
    if not text or _TRIGGER.search(text) is None:
        return text
    return _redacted(text, depth=0)


def redact_value(value: Any, name: str = "") -> Any:
    """The same for anything JSON; also where only a key, or the `name` beside a `value`, tells that something is a secret."""
    if isinstance(value, str):
        told = redact(f"{name}={value}") if name else ""
        return told.removeprefix(f"{name}=") if told.startswith(f"{name}=") else redact(value)
    if isinstance(value, dict):
        of = value.get("name") or value.get("key")
        named = of if isinstance(of, str) and "value" in value else ""
        return {redact(key): redact_value(each, named if key == "value" and named else key) for key, each in value.items()}
    return [redact_value(each, name) for each in value] if isinstance(value, list) else value


def placeholder(kind: str, secret: str) -> str:
    """`[redacted:<kind>:<6 digits>]`; equal secrets of a kind give equal placeholders.

    Decimal digits: lines that differ only in a secret are one template, whatever the key.
    """
    if _Key.value is None:
        _Key.value = os.urandom(32)
    mark = int(hmac.new(_Key.value, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:12], 16) % 1_000_000
    return f"[redacted:{kind}:{mark:06d}]"


def _redacted(text: str, *, depth: int) -> str:
    text = _ruled(_INVISIBLE.sub("", text) if _INVISIBLE.search(text) and _hidden(text) else text)
    text = _joined(text)
    if depth < DEEPEST:
        if "%" in text:
            text = _ESCAPED.sub(lambda match: _unescaped(match.group(0), depth), text)
        if _IN_BASE64.search(text):
            text = _MAYBE_BASE64.sub(lambda match: _decoded(match.group(0), depth), text)
    return text


def _ruled(text: str) -> str:
    low = text.lower()
    for rule in RULES:
        if any(hint in low for hint in rule.hints):
            if len(text) > _LONG:
                text = rule.span.sub(lambda match, rule=rule: _in_span(rule, match.group(0)), text)
            else:
                text = rule.pattern.sub(partial(_replaced, rule), text)
    return text


def _hidden(text: str) -> bool:
    """Whether characters that nobody sees keep a secret from being found."""
    return _count(_ruled(_INVISIBLE.sub("", text))) > _count(_ruled(text))


def _joined(text: str) -> str:
    """Where a secret was taken apart (a line continued, a string put together), the text with it put together and replaced."""
    whole = _SEAMS.sub("", text) if _SEAMS.search(text) else text
    if whole == text or _count(ruled := _ruled(whole)) <= _count(text):
        return text
    return ruled


def _unescaped(token: str, depth: int) -> str:
    """As it was where its URL escapes hide no secret."""
    plain = unquote(token)
    clean = _redacted(plain, depth=depth + 1) if plain != token else token
    return clean if clean != plain else token


def _decoded(token: str, depth: int) -> str:
    if _IN_BASE64.search(token) is None:
        return token
    letters = token.rstrip("=").translate(_STANDARD)
    for start in range(min(4, len(letters) - 15)):  # where it is glued to something, nobody knows where it begins
        whole = letters[start : start + (len(letters) - start) // 4 * 4] if (len(letters) - start) % 4 == 1 else letters[start:]
        try:
            inner = base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            continue
        if _redacted(inner, depth=depth + 1) != inner:
            return placeholder("encoded", token)
    return token


def _count(text: str) -> int:
    return len(_PLACEHOLDER.findall(text))


def _in_span(rule: Rule, span: str) -> str:
    """`span`, all of which `rule` matches, without its secret. Finding a span is ten times as fast as finding its groups: of a
    very long one they are read off its beginning."""
    head = rule.pattern.match(span[:_LONG]) if len(span) > _LONG else None
    if head is not None and head.end(2) == _LONG:
        return _replaced(rule, head, span[_LONG:])
    return str(rule.pattern.sub(partial(_replaced, rule), span))


def _replaced(rule: Rule, match: Any, rest: str = "") -> str:
    """What `match` found, without its secret. `rest` is the remainder of a secret that `match` saw only the beginning of."""
    before, secret, after = match.group(1), match.group(2) + rest, match.group(3)
    if secret.lstrip("\"'\\").startswith("[redacted:") or not rule.applies(match):
        return str(match.group(0)) + rest
    opening = secret[: len(secret) - len(secret.lstrip("\"'\\"))]
    closing = secret[len(secret.rstrip("\"'\\")) :]
    bare = secret[len(opening) : len(secret) - len(closing)]
    return f"{before}{opening}{placeholder(rule.kind, bare)}{closing}{after}" if bare else str(match.group(0)) + rest


_STANDARD = str.maketrans("-_", "+/")
