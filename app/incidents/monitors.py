"""Reading what monitors send. Pure: a body in, alerts or changes out. Everything in it is outsiders' text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from app.domain.change import Change
from app.domain.errors import BadInput
from app.domain.incident import Alert
from app.domain.redaction import redact, redact_value
from app.domain.value import digest

T = TypeVar("T")

SERVICE_LABELS = ("service", "app", "service_name", "job", "deployment", "container")
MOST_ALERTS = 1000
MOST_DIFF = 64 * 1024
LONGEST_KEY = 1000
EARLIEST, LATEST = 1970, 2200
"""Years. Windows are reckoned from these moments: before the epoch and near the end of the calendar that overflows."""


Told = Callable[[str], None]
"""Hears of an entry that can't be read which it is and why. Without one, such an entry is raised."""


def alerts_of(body: Any, unreadable: Told | None = None) -> list[Alert]:
    """Every alert of an Alertmanager webhook (version 4). Raises `BadInput` naming what is missing, also when no alert can be read.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list) or not body["alerts"]:
        raise BadInput("this is no Alertmanager webhook: it has no list `alerts`; send version 4 of its format")
    if len(body["alerts"]) > MOST_ALERTS:
        raise BadInput(f"more than {MOST_ALERTS} alerts in one delivery; lower max_alerts in the receiver's webhook_configs")
    group = str(body.get("groupKey") or "")
    group_key = _key(group) or None
    return _readable(body["alerts"], lambda raw: _alert(raw, group_key=group_key), unreadable)


def _readable(listed: list[Any], read: Callable[[Any], T], unreadable: Told | None) -> list[T]:
    """One bad entry costs the others nothing. Raises the first's `BadInput` when all are bad."""
    found: list[T] = []
    bad: list[BadInput] = []
    for number, raw in enumerate(listed, 1):
        try:
            found.append(read(raw))
        except BadInput as error:
            if unreadable is None:
                raise
            bad.append(error)
            unreadable(f"entry {number} of {len(listed)}: {error}")
    if not found:
        raise bad[0]
    return found


def _alert(raw: Any, *, group_key: str | None) -> Alert:
    if not isinstance(raw, dict):
        raise BadInput("an entry of `alerts` is not an object")
    labels, notes = _texts(raw, "labels", most=300), _texts(raw, "annotations", most=1000)
    summary = notes.get("summary") or notes.get("description") or labels.get("alertname") or "an alert without a text"
    return Alert(
        fired_at=moment(raw.get("startsAt"), what="startsAt"),
        summary=summary,
        name=labels.get("alertname"),
        service=next((labels[key] for key in SERVICE_LABELS if labels.get(key)), None),
        namespace=labels.get("namespace"),
        metric=labels.get("metric"),
        severity=labels.get("severity", "unknown"),
        status="resolved" if raw.get("status") == "resolved" else "firing",
        fingerprint=_key(str(raw.get("fingerprint") or "")) or None,
        group_key=group_key,
        labels=labels,
        monitor="alertmanager",
        link=redact(str(raw["generatorURL"]))[:1000] if raw.get("generatorURL") else None,
    )


def _key(text: str) -> str:
    """What tells groups and alerts apart; a long one, one with a secret in it, or one that sounds like ours, by its hash."""
    plain = len(text) <= LONGEST_KEY and redact(text) == text and not text.startswith("firstmate/")
    return text if plain else f"h-{digest(text)[:32]}"


def _texts(raw: dict[str, Any], key: str, *, most: int) -> dict[str, str]:
    held = raw.get(key) or {}
    if not isinstance(held, dict):
        raise BadInput(f"`{key}` of an alert must be an object of texts")
    return {name: str(redact_value(str(v), name))[:most] for name, v in ((str(k), v) for k, v in held.items())}


def changes_of(body: Any, unreadable: Told | None = None) -> list[Change]:
    """One change, or {"changes": [...]}. Raises `BadInput` naming the field, also when no change can be read."""
    listed = body.get("changes") if isinstance(body, dict) and "changes" in body else [body]
    if not isinstance(listed, list) or not listed or len(listed) > MOST_ALERTS:
        raise BadInput(f"`changes` must be a list of 1 to {MOST_ALERTS} changes")
    return _readable(listed, _change, unreadable)


def _change(raw: Any) -> Change:
    if not isinstance(raw, dict):
        raise BadInput("a change must be a JSON object with at least `id`, `kind` and `at`")
    texts = {key: redact(str(raw.get(key) or "")) for key in ("title", "diff")}
    try:
        return Change.model_validate(
            {
                **{k: redact_value(v, k) for k, v in raw.items() if k in Change.model_fields},
                "at": moment(raw.get("at"), what="at"),
                "title": texts["title"][:500],
                "diff": texts["diff"][:MOST_DIFF],
                "source": "intake",
            }
        )
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise BadInput(f"this change can't be read: {told}") from error


def moment(raw: Any, *, what: str) -> datetime:
    """ISO 8601 with a zone, or seconds since the epoch. Raises `BadInput`."""
    if raw is None or raw == "":
        raise BadInput(f"`{what}` is missing; write it like 2026-03-01T09:30:00Z")
    try:
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            read = datetime.fromtimestamp(float(raw), UTC)
        else:
            read = datetime.fromisoformat(str(raw).replace("Z", "+00:00"))
        if read.tzinfo is None:
            raise BadInput(f"`{what}` has no time zone: {redact(str(raw))[:40]!r}; write it like 2026-03-01T09:30:00Z")
        read = read.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadInput(f"`{what}` is no moment: {redact(str(raw))[:40]!r}; write it like 2026-03-01T09:30:00Z") from error
    if not EARLIEST <= read.year < LATEST:
        raise BadInput(f"`{what}` is no moment we could look at: {redact(str(raw))[:40]!r}; write it like 2026-03-01T09:30:00Z")
    return read
