"""What Slack documents about each Web API method that the fake answers: arguments, scopes, rate tier, error codes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
# Methods whose rate Slack describes only in words. Posting is limited per channel as well (see rates.py).
SPECIAL_PER_MINUTE = {"auth.test": 600, "chat.getPermalink": 600, "chat.postMessage": 300}
# One source says tier 1 (one a minute), another tier 3. An app may hold ten sockets:
# ten a minute is the strictest figure it can live with.
STRICTER_PER_MINUTE = {"apps.connections.open": 10}

# Errors that any method may answer with.
COMMON_ERRORS = frozenset({
    "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "missing_scope", "not_allowed_token_type",
    "no_permission", "invalid_arguments", "invalid_arg_name", "missing_argument", "ratelimited", "unknown_method", "fatal_error",
    "internal_error", "service_unavailable", "request_timeout", "team_added_to_org", "access_denied", "ekm_access_denied",
    "org_login_required", "invalid_json", "json_not_object", "invalid_form_data",
})  # fmt: skip
# Errors that the method's page leaves out, or where the fake is stricter than Slack on purpose.
EXTRA_ERRORS = {
    "chat.postMessage": {"msg_too_long", "user_not_found", "cannot_dm_bot", "thread_not_found"},
    "chat.update": {"msg_blocks_too_long"},
    "chat.postEphemeral": {"msg_blocks_too_long"},
    "conversations.history": {"method_not_supported_for_channel_type", "invalid_limit"},
    "conversations.replies": {"not_in_channel", "invalid_limit"},
    "pins.add": {"is_archived"},
    "pins.remove": {"not_in_channel", "is_archived"},
    "pins.list": {"not_in_channel"},
    "bookmarks.add": {"not_in_channel", "is_archived"},
    "bookmarks.edit": {"not_in_channel", "is_archived", "channel_not_found"},
    "bookmarks.remove": {"not_in_channel", "is_archived", "channel_not_found"},
    "bookmarks.list": {"not_in_channel"},
    "reactions.add": {"not_in_channel"},
    "reactions.remove": {"not_in_channel", "is_archived"},
    "views.publish": {"user_not_found"},
    "files.completeUploadExternal": {"thread_not_found", "is_archived"},
}


@dataclass(frozen=True)
class Method:
    """One documented method. `scopes` are alternatives (any one of them serves, per kind of channel)."""

    name: str
    required: frozenset[str]
    optional: frozenset[str]
    scopes: tuple[str, ...]
    errors: frozenset[str]
    per_minute: int


@cache
def methods() -> dict[str, Method]:
    rows = json.loads((Path(__file__).parent / "catalogue.json").read_text())
    return {name: _method(name, row) for name, row in rows.items()}


def _method(name: str, row: dict[str, Any]) -> Method:
    rate = STRICTER_PER_MINUTE.get(name) or SPECIAL_PER_MINUTE.get(name) or PER_MINUTE[row["tier"]]
    return Method(
        name=name,
        required=frozenset(arg for arg, needed in row["args"].items() if needed),
        optional=frozenset(arg for arg, needed in row["args"].items() if not needed),
        scopes=tuple(row["scopes"]),
        errors=frozenset(row["errors"]) | COMMON_ERRORS | EXTRA_ERRORS.get(name, set()),
        per_minute=rate,
    )
