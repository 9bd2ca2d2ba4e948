"""Secrets out of outside text, before anything remembers or shows it.

A secret becomes `[redacted:<kind>:<4 digits>]`. The digits are a keyed hash of the secret: the same secret has the same
placeholder, so "both pods use the same password" can still be seen. The key lives as long as the process unless
`use_key` gives one. Format rules only: nothing is guessed from randomness, so ids, UUIDs and commit hashes stay readable.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import re2

TRIGGER = (
    r"(?i)bearer|authorization|cookie|passw|passphrase|pwd|secret|token|credential|api.?key|(?:access|auth|private|account).?key"
    r"|AKIA|ASIA|xox[a-z]-|xapp-|eyJ|gh[pousr]_|github_pat_|glpat-|npm_|sk-|[rs]k_(?:live|test)_|AIza|://[^/\s]*@"
)
"""A line without any of these holds no secret the rules below would find. Valid for re2 and for polars alike."""

# Written where a value could stand; what a person needs to read rather than a secret.
_PLAIN = frozenset({"null", "nil", "none", "true", "false", "yes", "no", "nan", "undefined", "empty", "unset", "missing"})


class _Key:
    value: bytes | None = None


def use_key(key: bytes) -> None:
    """Make placeholders comparable across processes that were given the same key (an installation's own secret)."""
    _Key.value = key


def redact(text: str) -> str:
    """`text` with its secrets replaced. Idempotent. Text without a secret is returned unchanged."""
    if not text or _TRIGGER.search(text) is None:
        return text
    low = text.lower()
    for rule in _RULES:
        if any(hint in low for hint in rule.hints):
            text = rule.pattern.sub(_replacing(rule), text)
    return text


def placeholder(kind: str, secret: str) -> str:
    """`[redacted:<kind>:<4 digits>]`; equal secrets of a kind give equal placeholders.

    Decimal digits: lines that differ only in a secret are one template, whatever the key.
    """
    if _Key.value is None:
        _Key.value = os.urandom(32)
    mark = int(hmac.new(_Key.value, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:12], 16) % 10_000
    return f"[redacted:{kind}:{mark:04d}]"


def _always(_match: Any) -> bool:
    return True


@dataclass(frozen=True)
class _Rule:
    """`pattern` has three groups: what stays before, the secret, what stays after. It can only match where one of `hints`
    is in the lower-cased text, which is far cheaper to look for."""

    kind: str
    hints: tuple[str, ...]
    pattern: Any
    applies: Callable[[Any], bool] = _always


def _replacing(rule: _Rule) -> Callable[[Any], str]:
    def replace(match: Any) -> str:
        before, secret, after = match.group(1), match.group(2), match.group(3)
        if secret.lstrip("\"'\\").startswith("[redacted:") or not rule.applies(match):
            return str(match.group(0))
        opening = secret[: len(secret) - len(secret.lstrip("\"'\\"))]
        closing = secret[len(secret.rstrip("\"'\\")) :]
        bare = secret[len(opening) : len(secret) - len(closing)]
        return f"{before}{opening}{placeholder(rule.kind, bare)}{closing}{after}" if bare else str(match.group(0))

    return replace


def _has_digit_or_is_long(match: Any) -> bool:
    secret = match.group(2)
    return len(secret) >= 24 or any(sign.isdigit() for sign in secret)


def _is_a_value(match: Any) -> bool:
    """Whether `key: value` holds a secret rather than prose ("invalid token: expired") or code (`password = form.password`)."""
    name, raw = match.group(1).lower(), match.group(2)
    if name.startswith("[redacted:"):
        return False
    quoted = raw[:1] in "\"'\\"
    value = raw.strip("\"'\\")
    if len(value) < 3 or value.lower() in _PLAIN or value[0] in "$<{%*@&" or (not quoted and _CODE.fullmatch(value)):
        return False
    if "pwd" in name and value.startswith("/"):  # the working directory
        return False
    if "passw" in name or "passphrase" in name or quoted:
        return not value.isdigit() or len(value) > 3
    if value.isdigit():
        return len(value) > 5
    return len(value) >= 16 or any(sign.isdigit() for sign in value)


_TRIGGER = re2.compile(TRIGGER)
_CODE = re2.compile(r"[A-Za-z_]\w*(?:\[.*|\(.*|(?:\.[A-Za-z_]\w*)+(?:\(.*)?)")

# Most specific first: what a later rule would see is already a placeholder, which no rule touches again.
_RULES = (
    _Rule(
        "private-key",
        ("private key",),
        re2.compile(r"(?s)()(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z))()"),
    ),
    _Rule("jwt", ("eyj",), re2.compile(r"()(\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)()")),
    _Rule("aws-key", ("akia", "asia"), re2.compile(r"()(\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)()")),
    _Rule("slack-token", ("xox", "xapp-"), re2.compile(r"()(\b(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,})()")),
    _Rule(
        "token",
        ("gh", "glpat-", "npm_", "sk-", "k_live", "k_test", "aiza"),
        re2.compile(
            r"()(\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,}"
            r"|[rs]k_(?:live|test)_\w{16,}|AIza[\w-]{30,}))()"
        ),
        _has_digit_or_is_long,
    ),
    _Rule("password", ("://",), re2.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:)([^/\s@]+)(@)")),
    _Rule("token", ("://",), re2.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)([^/\s:@]{16,})(@)")),
    _Rule("cookie", ("cookie",), re2.compile(r"""(?i)(\b(?:set-)?cookie\\?["']?\s*[:=]\s*\\?["']?)([^\s=;"']+=[^\r\n"']+)()""")),
    _Rule(
        "token",
        ("authorization",),
        re2.compile(
            r"""(?i)(\bauthorization\\?["']?\s*[:=]\s*\\?["']?(?:basic|bearer|digest|token|apikey|negotiate)\s+)"""
            r"([A-Za-z0-9._~+/=-]{6,})()"
        ),
    ),
    _Rule(
        "token",
        ("authorization",),
        re2.compile(r"""(?i)(\bauthorization\\?["']?\s*[:=]\s*\\?["']?)([A-Za-z0-9._~+/=-]{8,})()"""),
        _has_digit_or_is_long,
    ),
    _Rule("token", ("bearer",), re2.compile(r"(?i)(\bbearer\s+)([A-Za-z0-9._~+/=-]{12,})()"), _has_digit_or_is_long),
    _Rule(
        "secret",
        ("passw", "pwd", "passphrase", "secret", "token", "credential", "key"),
        re2.compile(
            r"""(?i)((?:\[redacted:)?[\w.-]*(?:passwd|password|passphrase|pwd|secret|token|credentials?|api[_.-]?key"""
            r"""|(?:access|auth|private|account|secret)[_.-]?key(?:[_.-]id)?)\\?["']?\s*(?::=|=>|[:=])\s*)"""
            r"""(\\?"[^"\r\n]*"|'[^'\r\n]*'|[^\s,;&"'\])}]+)()"""
        ),
        _is_a_value,
    ),
)
