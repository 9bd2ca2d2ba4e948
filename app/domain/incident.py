"""The incident, the alerts that became it, and what a run of the graph is asked to look at."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from app.domain.redaction import redact, redact_value
from app.domain.value import AwareDatetime, JsonObject, JsonValue, Value
from app.domain.window import Window

Severity = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
Status = Literal["investigating", "mitigating", "monitoring", "closed"]


class Alert(Value):
    """What a monitor said. Its texts are written by outsiders: quoted, never obeyed."""

    fired_at: AwareDatetime
    summary: str
    name: str | None = None
    service: str | None = None
    namespace: str | None = None
    metric: str | None = None
    threshold: float | None = None
    observed: JsonValue = None
    severity: str = "unknown"
    status: Literal["firing", "resolved"] = "firing"
    fingerprint: str | None = None
    group_key: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    monitor: str | None = None
    link: str | None = None

    @field_validator("summary", "name", "service", "namespace", "metric", "link")
    @classmethod
    def _without_secrets(cls, text: str | None) -> str | None:
        return redact(text) if text else text

    @field_validator("labels", "observed")
    @classmethod
    def _values_without_secrets(cls, values: Any) -> Any:
        return redact_value(values)


class Incident(Value):
    """One thing that is wrong, with a severity, a commander and a timeline."""

    id: str  # "INC-0042"
    number: int
    title: str
    severity: Severity
    status: Status
    service: str | None = None
    commander: str | None = None  # Slack user id
    declared_by: str
    declared_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    group_key: str | None = None  # the alert group that opened it
    channel: str | None = None  # Slack channel id, once the channel exists
    channel_name: str | None = None


class TimelineEntry(Value):
    """One line of an incident's history, as it was known then."""

    incident: str
    at: AwareDatetime
    actor: str
    text: str
    details: JsonObject = Field(default_factory=dict)


class Scope(Value):
    """What one run looks at.

    `window` holds the incident; `reference` a stretch without the fault (possibly another day, possibly later), None where
    nobody knows one. `candidates` is what can be guilty; empty means: whatever the telemetry names. `labels` and
    `remediations` are closed lists to answer from; empty means: free.
    """

    alert: Alert
    window: Window
    reference: Window | None = None
    onset: AwareDatetime | None = None
    candidates: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    remediations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
