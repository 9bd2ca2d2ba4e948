"""What programs say as they give up, where that names the fault itself and not only that something failed.

The text comes from outside: patterns use RE2, and only our own word leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import re2

_SAYS: tuple[tuple[str, str], ...] = (
    (
        "missing_env_variable",
        (
            r"env(ironment)?[ _]?var(iable)?s?\b.{0,80}\b(not (set|defined|provided|found)|missing|unset|required|undefined|empty)"
            r"|(missing|required|undefined|unset|no such) env(ironment)?[ _]?var(iable)?\b|could not resolve placeholder"
            r"|(os\.environ|getenv|process\.env)\b|keyerror: '(?-i:[A-Z][A-Z0-9_]{3,})'"
        ),
    ),
    (
        "env_variable_value_incorrect",
        (
            r"invalid (port|integer|number|boolean|duration)\b|invalid literal for int|numberformatexception|strconv\.\w+: parsing"
            r"|failed to (convert|bind|parse).{0,60}(property|environment|env|integer|boolean|duration)|port (number )?out of range"
        ),
    ),
    (
        "container_args_incorrect",
        (
            r"(unknown|unrecogni[sz]ed|invalid|illegal|bad|unexpected) (command.?line )?(option|flag|argument|switch)s?\b"
            r"|flag provided but not defined|no such option|unknown command\b|unknown shorthand flag"
        ),
    ),
    ("rbac_permission_denied", r"is forbidden: user \\?[\"']?system:(serviceaccount|node|anonymous)"),
    ("read_only_file_system", r"read-?only file ?system|\berofs\b|\[errno 30\]"),
    ("db_read_only", r"--(super-)?read-only|read.only (mode|transaction|replica|database)|can't write against a read only"),
    ("db_unknown_database", r"unknown database|(database|schema) \\?[\"']?\S+ does not exist|invalid catalog name"),
    (
        "db_invalid_credentials",
        (
            r"access denied for user|password authentication failed|wrongpass|noauth|authentication required"
            r"|invalid (username|user name)[- ](or )?password|login failed for user|(sasl|auth)\w* authentication fail"
        ),
    ),
    (
        "db_connection_exhaustion",
        r"too many (client|connection)s|remaining connection slots|max(imum)? number of clients",
    ),
    ("image_architecture_mismatch", r"exec format error|wrong elf class|cannot execute binary file"),
    ("port_conflict", r"address already in use|eaddrinuse|port \d+ (was|is) already in use|bind: address"),
    ("disk_full", r"no space left on device|\benospc\b|\bdisk (is )?full\b|errcode: 28|errno:? 28\b|the table .{1,80} is full"),
    (
        "broker_blocked",
        (
            r"resource (limit )?alarm|vm_memory_high_watermark|\bconnection\.blocked\b"
            r"|(publish\w*|connections?)( is| are| will be| has been| have been)? (now )?blocked\b"
        ),
    ),
    (
        "volume_mount_permission_denied",
        (
            r"(open|create|write|mkdir|chown|append|access|log ?file)\b.{0,80}(permission denied|operation not permitted)"
            r"|(permission denied|eacces)\b.{0,40}/[\w.-]+/|accessdeniedexception: /"
        ),
    ),
)
"""(our word, how lines say it), the more specific before the more general."""


@lru_cache(maxsize=1)
def _compiled() -> Any:
    options = re2.Options()
    options.case_sensitive, options.max_mem = False, 32 << 20
    found = re2.Set.SearchSet(options)
    for _, pattern in _SAYS:
        found.Add(pattern)
    found.Compile()
    return found


_MAKES = {"wrongpass": "redis", "noauth": "redis", "postgresql": "postgres", "psql": "postgres"}
"""Words that only one make of store says."""


@lru_cache(maxsize=1)
def _account() -> Any:
    return re2.compile(r"(?i)is forbidden: user \\*[\"']?system:serviceaccount:[a-z0-9.-]+:([a-z0-9.-]+)")


def refused_account(text: str) -> str | None:
    """The service account that the cluster's API says may not do what was asked; None where the line says no such thing."""
    found = _account().search(text)
    return str(found.group(1)) if found is not None else None


@lru_cache(maxsize=1)
def _product() -> Any:
    return re2.compile(r"(?i)mysql|mariadb|postgresql|postgres|psql|mongodb|redis|cassandra|wrongpass|noauth")


@lru_cache(maxsize=2048)
def fault_of(text: str) -> str | None:
    """The fault that a line names; None where it names none."""
    found = _compiled().Match(text)
    if not found:
        return None
    fault = _SAYS[min(found)][0]
    product = _product().search(text) if fault.startswith("db_") else None
    return f"{_MAKES.get(product.group(0).lower(), product.group(0).lower())}{fault[2:]}" if product is not None else fault


def first_fault(texts: Iterable[str]) -> str | None:
    """The fault that the first telling one of several lines names."""
    return next((fault for text in texts if (fault := fault_of(text)) is not None), None)
