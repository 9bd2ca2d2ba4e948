"""What a secret looks like: by its own form, or by what stands around it. `redaction` applies these; nothing else reads them.

Every pattern runs on outside text, so all are re2's: no input makes one slow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from string import hexdigits
from typing import Any

import re2


def _always(_match: Any) -> bool:
    return True


@dataclass(frozen=True)
class Rule:
    """`pattern` has three groups: what stays before, the secret, what stays after. It can only match where one of `hints`
    is in the lower-cased text, which is far cheaper to look for."""

    kind: str
    hints: tuple[str, ...]
    pattern: Any
    applies: Callable[[Any], bool] = _always

    @cached_property
    def span(self) -> Any:
        """`pattern` without its groups."""
        options = re2.Options()
        options.never_capture = True
        return re2.compile(self.pattern.pattern, options)


# Written where a value could stand; what a person needs to read rather than a secret.
_PLAIN = frozenset({"null", "nil", "none", "true", "false", "yes", "no", "nan", "undefined", "empty", "unset", "missing"})
_CODE = re2.compile(r"[A-Za-z_]\w*(?:\[.*|\(.*)|[A-Za-z_]+(?:\.[A-Za-z_]+)+(?:\(.*)?")
_REFERENCE = re2.compile(
    r"\$\{.*|\$\(.*|\$[A-Za-z_]\w*|\{.*|<.*|\*+|@[A-Za-z_][\w.]*(?:\(.*)?|&[A-Za-z_]\w*|%\(?\w*\)?[sdvrq]?|!\w+"
)
NAMED = (
    r"passwd|password|passphrase|pwd|secret|token|credentials?|api[_.-]?key"
    r"|(?:access|auth|private|account|secret|signing)[_.-]?key(?:[_.-]id)?"
)
"""How the name of a value ends that is a secret, or may be."""
_NAMES = ("passw", "pwd", "passphrase", "secret", "token", "credential", "key")
_QUOTE = r"""(?:\\*["']|&quot;)?"""
_VALUE = r"""(\\*"[^"\r\n]*"|\\*'[^'\r\n]*'|[^\s,;&"'\])}]+)"""


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
    if len(value) < 3 or value.lower() in _PLAIN or _REFERENCE.fullmatch(value) or (not quoted and _CODE.fullmatch(value)):
        return False
    if "pwd" in name and value.startswith("/"):  # the working directory
        return False
    if "passw" in name or "passphrase" in name or quoted:
        return not value.isdigit() or len(value) > 3
    if value.isdigit():
        return len(value) > 5
    return len(value) >= (12 if name.endswith("=") else 16) or any(sign.isdigit() for sign in value)


def _quoted_or_has_digit(match: Any) -> bool:
    """Of words behind a name without a sign between: "password is required" names none."""
    secret = match.group(2)
    return secret.lstrip("\\")[:1] in ("'", '"') or (len(secret) > 3 and any(sign.isdigit() for sign in secret))


def _mixed(match: Any) -> bool:
    """Base64 rather than a hash's hex digits."""
    secret = match.group(2)
    return any(sign.isupper() for sign in secret) and any(sign.islower() for sign in secret) and not set(secret) <= set(hexdigits)


_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|soat|ptt)-[\w-]{16,}|npm_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,}"
    r"|[rs]k_(?:live|test)_\w{16,}|whsec_[A-Za-z0-9+/=]{20,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|hv[sbr]\.[\w-]{20,}"
    r"|do[opr]_v1_[a-f0-9]{40,}|dckr_pat_[\w-]{20,}|pypi-[\w-]{40,}|glsa_\w{30,}|glc_[A-Za-z0-9+/=]{30,}|NRAK-[A-Z0-9]{20,}"
    r"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{30,}|SG\.[\w-]{16,}\.[\w-]{20,}|hf_[A-Za-z0-9]{30,}|dapi[a-f0-9]{32}|sntrys_[\w=+/-]{20,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,}|lin_api_\w{30,}|PMAK-[a-f0-9-]{30,}|sq0(?:atp|csp)-[\w-]{20,}|xkeysib-[a-f0-9]{40,}"
)
_TOKEN_HINTS = (
    *(
        "gh",
        "github_pat_",
        "gl",
        "npm_",
        "sk-",
        "k_live",
        "k_test",
        "whsec_",
        "aiza",
        "ya29.",
        "gocspx-",
        "hvs.",
        "hvb.",
        "hvr.",
        "_v1_",
    ),
    *("dckr_pat_", "pypi-", "nrak-", "shp", "sg.", "hf_", "dapi", "sntrys_", "age-secret-key-", "lin_api_", "pmak-", "sq0"),
    "xkeysib-",
)

# Most specific first: what a later rule would see is already a placeholder, which no rule touches again.
RULES = (
    Rule(
        "private-key",
        ("private key",),
        re2.compile(
            r"(?s)()(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))()"
        ),
    ),
    # A key that was logged line by line: its lines stand alone.
    Rule("private-key", ("",), re2.compile(r"()\A([A-Za-z0-9+/]{64})(\r?\n?)\z"), _mixed),
    Rule("private-key", ("ls0tls1crudjti",), re2.compile(r"()(LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]{20,})()")),
    Rule("jwt", ("eyj",), re2.compile(r"()(\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4})()")),
    Rule("aws-key", ("akia", "asia"), re2.compile(r"()(\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)()")),
    Rule("slack-token", ("xox", "xapp-", "xoxe."), re2.compile(r"()(\b(?:xox[a-z]|xapp|xoxe\.xox[a-z])-[A-Za-z0-9-]{10,})()")),
    Rule(
        "webhook",
        ("hooks.slack.com", "/api/webhooks/", "webhook.office.com"),
        re2.compile(
            r"(hooks\.slack\.com/(?:services|workflows|triggers)/|/api/webhooks/\d+/|webhook\.office\.com/webhookb2/)([\w/@.-]{16,})()"
        ),
    ),
    Rule("token", _TOKEN_HINTS, re2.compile(rf"()(\b(?:{_TOKENS}))()"), _has_digit_or_is_long),
    Rule("password", ("://",), re2.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:)([^/\s@]+)(@)")),
    Rule("token", ("://",), re2.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)([^/\s:@]{16,})(@)")),
    Rule("password", ("@tcp(", "@unix(", "@udp("), re2.compile(r"(\b[\w.-]+:)([^\s:@/]{3,})(@(?:tcp|unix|udp)\()")),
    Rule(
        "password", ("curl",), re2.compile(r"""(\bcurl\b[^|;&\n]*?\s(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']+:)([^\s"']+)()""")
    ),
    Rule(
        "cookie",
        ("cookie",),
        re2.compile(
            r"""(?i)(\b(?:set-)?cookie\\*["']?\s*[:=]\s*\\*["']?)([^\s=;"']+=[^\s;"']*(?:;\s*[^\s=;"']+(?:=[^\s;"']*)?)*)()"""
        ),
    ),
    Rule(
        "cookie",
        ("sess", "connect.sid"),
        re2.compile(
            r"""(?i)(\b(?:phpsessid|jsessionid|asp\.net_sessionid|connect\.sid|sessionid)\\*["']?\s*=\s*)([^\s;,&"']{8,})()"""
        ),
    ),
    Rule(
        "token",
        ("authorization",),
        re2.compile(
            r"""(?i)(\bauthorization\\*["']?\s*[:=]\s*\\*["']?(?:basic|bearer|digest|token|apikey|negotiate|ssws)\s+)"""
            r"([A-Za-z0-9._~+/=-]{6,})()"
        ),
    ),
    Rule(
        "token",
        ("authorization",),
        re2.compile(r"""(?i)(\bauthorization\\*["']?\s*[:=]\s*\\*["']?)([A-Za-z0-9._~+/=-]{8,})()"""),
        _has_digit_or_is_long,
    ),
    Rule("token", ("bearer",), re2.compile(r"(?i)(\bbearer\s+)([A-Za-z0-9._~+/=-]{12,})()"), _has_digit_or_is_long),
    Rule("signature", ("sig",), re2.compile(r"(?i)([?&;](?:sig|x-(?:amz|goog)-signature|signature)=)([A-Za-z0-9%+/=_-]{16,})()")),
    Rule("secret", ("</",), re2.compile(rf"(?i)(<[\w:.-]*(?:{NAMED})>\s*)([^<>\s]+)(\s*</)"), _is_a_value),
    Rule(  # an environment variable as Kubernetes and others write it: a name, and its value beside it
        "secret",
        ("value",),
        re2.compile(
            rf"(?i)({_QUOTE}name{_QUOTE}\s*:\s*{_QUOTE}[\w.-]*(?:{NAMED}){_QUOTE}(?:\\+n|[\s,+-])*{_QUOTE}value{_QUOTE}\s*:\s*){_VALUE}()"
        ),
        _is_a_value,
    ),
    Rule(
        "secret",
        _NAMES,
        re2.compile(rf"(?i)((?:\[redacted:)?[\w.-]*(?:{NAMED}){_QUOTE}\s*(?::=|=>|[:=])\s*(?:&quot;)?){_VALUE}()"),
        _is_a_value,
    ),
    Rule(
        "secret",
        _NAMES,
        re2.compile(rf"""(?i)((?:^|\s)--?[\w-]*(?:{NAMED})\s+)("[^"\r\n]*"|'[^'\r\n]*'|[^\s"'\[\\-][^\s"']*)()"""),
        _quoted_or_has_digit,
    ),
    Rule(
        "password",
        ("password", "identified by"),
        re2.compile(
            r"""(?i)((?:\bidentified\s+by|\bpassword(?:\s{1,64}(?:is|was))?|\b(?:login|user(?:name)?)\s+\S+\s+password)\s{1,64})"""
            r"""(\\*'[^'\r\n]+'|\\*"[^"\r\n]+"|[^\s"',;:=()\[\\]+)()"""
        ),
        _quoted_or_has_digit,
    ),
)
