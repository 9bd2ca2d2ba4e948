"""Incidents made up from stories: services that call each other, what practitioners would see, and what was changed before.

Everything is drawn from a seed: names, times, noise, and which innocent changes surround the guilty one.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from app.domain.change import Change
from app.domain.incident import Alert, Scope
from app.domain.telemetry import LOG_SCHEMA, LogTable, MetricTable, SeriesName, Topology
from app.domain.window import Window
from graphs.contract import Sources

CASTS = (
    {"front": "edge-api", "svc": "transfers", "dep": "accounts", "side": "notifier", "db": "ledger-db", "far": "statements"},
    {"front": "portal", "svc": "dispatch", "dep": "routing", "side": "tracking", "db": "fleet-db", "far": "invoicing"},
    {
        "front": "storefront-bff",
        "svc": "booking",
        "dep": "seatmap",
        "side": "loyalty",
        "db": "booking-postgres",
        "far": "newsletter",
    },
    {
        "front": "web-gateway",
        "svc": "appointments",
        "dep": "patient-records",
        "side": "reminders",
        "db": "clinic-mysql",
        "far": "reports",
    },
    {"front": "player-api", "svc": "playback", "dep": "entitlements", "side": "search", "db": "media-db", "far": "billing-export"},
)
OFFERED = (
    ("config-revert", "escalate-upstream", "failover", "purge-bad-data", "reschedule", "rollback", "rotate-cert", "scale"),
    ("Roll back the deploy", "Restore the configuration", "Disable the feature flag", "Scale out", "Renew the certificate",
     "Quarantine the message", "Move the workload", "Contact the provider", "Fail over"),
)  # fmt: skip
MEANT = {
    "rollback": ("rollback", "Roll back the deploy"),
    "config": ("config-revert", "Restore the configuration"),
    "flag": ("config-revert", "Disable the feature flag"),
    "scale": ("scale", "Scale out"),
    "cert": ("rotate-cert", "Renew the certificate"),
    "data": ("purge-bad-data", "Quarantine the message"),
    "move": ("reschedule", "Move the workload"),
    "provider": ("escalate-upstream", "Contact the provider"),
    "failover": ("failover", "Fail over"),
}
"""What a repair is called in either list."""


@dataclass(frozen=True)
class Moved:
    """A series: its usual level, its level in the incident, and whether it steps or climbs there."""

    role: str
    metric: str
    usual: float
    wrong: float
    climbs: bool = False


@dataclass(frozen=True)
class Said:
    """A log line of the incident. `<role>` stands for a service's name, `#` for a number."""

    role: str
    level: str
    text: str
    per_min: float = 3.0


@dataclass(frozen=True)
class Edit:
    """A commit as somebody would write it."""

    title: str
    path: str
    diff: str


@dataclass(frozen=True)
class Story:
    """One way for things to go wrong. `edits`: variants of the guilty commit, none where no change is guilty."""

    name: str
    alert: tuple[str, str, str]  # role, metric, summary
    moved: tuple[Moved, ...]
    said: tuple[Said, ...]
    repair: str
    edits: tuple[Edit, ...] = ()
    at: str = "svc"
    lead_min: tuple[float, float] = (2.0, 12.0)
    flag: str = ""
    near: tuple[Edit, ...] = ()  # innocent changes to the very subject, at the alerting service


@dataclass
class Incident:
    """A story that happened: what is asked, what can be read, and what the truth is (None: no change)."""

    name: str
    scope: Scope
    guilty: str | None
    bait: str | None
    repair: str
    table: MetricTable
    logs_table: LogTable
    graph: Topology
    made: tuple[Change, ...]
    targets: dict[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> Sources:
        held = _Held(self)
        return Sources(metrics=(held,), logs=(held,), changes=(held,), topology=(held,))


@dataclass(frozen=True)
class _Held:
    incident: Incident
    name: str = "made-up"

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable:
        return self.incident.table

    async def value(self, query: str, *, at: datetime) -> float:
        raise NotImplementedError

    async def logs(self, scope: Scope, *, entities: Sequence[str] = ()) -> LogTable:
        return self.incident.logs_table

    async def topology(self, scope: Scope) -> Topology:
        return self.incident.graph

    async def changes(self, window: Window) -> tuple[Change, ...]:
        return self.incident.made


BEGIN = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
ONSET_MIN, END_MIN = 80, 104


def happen(story: Story, baits: Sequence[Edit], chores: Sequence[tuple[str, Edit]], *, seed: int) -> Incident:
    """`baits` go to the alerting service, latest of all before the alert; `chores` to wherever they belong, all through the day."""
    dice = random.Random(f"{story.name} {seed}")
    cast = dict(dice.choice(CASTS))
    onset = BEGIN + timedelta(minutes=ONSET_MIN, seconds=dice.randint(0, 50))
    fired = onset + timedelta(minutes=dice.randint(2, 5))
    made: list[Change] = []
    guilty = None
    if story.edits:
        lead = timedelta(minutes=dice.uniform(*story.lead_min))
        edit = story.edits[seed % len(story.edits)]
        if story.flag:
            made += _shipped(edit, cast, story.at, onset - timedelta(hours=dice.randint(20, 23)), dice)
            switch = Change(
                id=f"flag:{cast[story.at]}:{story.flag}",
                kind="flag",
                at=onset - lead,
                service=cast[story.at],
                details={"flag": story.flag, "from": "off", "to": "on"},
            )
            made.append(switch)
            guilty = switch.id
        else:
            made += _shipped(edit, cast, story.at, onset - lead, dice)
            guilty = made[-1].id
    alerting = story.alert[0]
    bait = None
    for edit in story.near:
        made += _shipped(edit, cast, alerting, onset - timedelta(minutes=dice.uniform(6, 45)), dice)
    for place, edit in enumerate(dice.sample(list(baits), k=min(2, len(baits)))):
        made += _shipped(edit, cast, alerting, onset - timedelta(minutes=0.6 + place * 1.7 + dice.random()), dice)
        bait = made[-1].id if place == 0 else bait
    for role, edit in dice.sample(list(chores), k=min(len(chores), dice.randint(6, 14))):
        made += _shipped(edit, cast, role, onset - timedelta(minutes=dice.uniform(-8, 300)), dice, deployed=dice.random() < 0.6)
    for name in ("new-banner", "compact-cards"):
        made.append(
            Change(
                id=f"flag:{cast['front']}:{name}",
                kind="flag",
                at=onset - timedelta(minutes=dice.uniform(3, 40)),
                service=cast["front"],
                details={"flag": name, "from": "off", "to": "on"},
            )
        )
    wording = seed % 2
    scope = Scope(
        alert=Alert(
            fired_at=fired,
            summary=_filled(story.alert[2], cast, dice),
            service=cast[alerting],
            metric=story.alert[1],
            severity="critical",
        ),
        window=Window(start=BEGIN, end=BEGIN + timedelta(minutes=END_MIN)),
        reference=Window(start=BEGIN, end=BEGIN + timedelta(minutes=40)),
        onset=fired,
        candidates=tuple(sorted(cast.values())),
        remediations=OFFERED[wording],
    )
    edges = (("front", "svc"), ("svc", "dep"), ("front", "side"), ("svc", "db"), ("dep", "db"))
    return Incident(
        name=f"{story.name}/{seed}",
        scope=scope,
        guilty=guilty,
        bait=bait,
        repair=MEANT[_repair(story, seed)][wording],
        table=_metrics(story, cast, onset, dice),
        logs_table=_logs(story, cast, onset, dice),
        graph=Topology(source="made-up", edges=tuple((cast[a], cast[b]) for a, b in edges)),
        made=tuple(sorted(made, key=lambda one: one.at)),
        targets=cast,
    )


def _repair(story: Story, seed: int) -> str:
    if story.repair == "change":
        path = story.edits[seed % len(story.edits)].path
        return "config" if path.endswith((".yaml", ".yml", ".env", ".properties", ".toml", ".conf")) else "rollback"
    return story.repair


def _filled(text: str, cast: dict[str, str], dice: random.Random) -> str:
    for role, name in cast.items():
        text = text.replace(f"<{role}>", name)
    while "#" in text:
        text = text.replace("#", str(dice.randint(120, 980)), 1)
    return text


def _cast_only(text: str, cast: dict[str, str]) -> str:
    for role, name in cast.items():
        text = text.replace(f"<{role}>", name)
    return text


def _shipped(
    edit: Edit, cast: dict[str, str], role: str, live_at: datetime, dice: random.Random, *, deployed: bool = True
) -> list[Change]:
    """A commit and the deploy that ships it; the last is what is blamed."""
    path = edit.path if edit.path.startswith(("lib/", "pkg/", "go.mod", "docs/")) else f"services/{cast[role]}/{edit.path}"
    name = hashlib.sha1(f"{edit.title}{live_at}{dice.random()}".encode()).hexdigest()
    body = _cast_only(edit.diff.strip("\n"), cast)
    text = f"--- a/{path}\n+++ b/{path}\n{body}"
    commit = Change(
        id=name, kind="commit", at=live_at - timedelta(minutes=dice.uniform(2, 9)), title=edit.title, files=(path,), diff=text
    )
    if not deployed:
        return [commit]
    version = f"{live_at:%Y.%m.%d}-{dice.randint(100, 999)}"
    return [Change(id=name, kind="deploy", at=live_at, service=cast[role], version=version), commit]


_USUAL = (
    Moved("front", "http_requests_per_sec", 420, 420),
    Moved("svc", "http_requests_per_sec", 260, 260),
    Moved("dep", "http_requests_per_sec", 240, 240),
    Moved("side", "http_requests_per_sec", 130, 130),
    Moved("front", "cpu_utilization", 0.32, 0.32),
    Moved("svc", "cpu_utilization", 0.38, 0.38),
    Moved("dep", "cpu_utilization", 0.29, 0.29),
    Moved("side", "latency_p99_ms", 90, 90),
    Moved("side", "http_5xx_ratio", 0.002, 0.002),
    Moved("far", "latency_p99_ms", 300, 300),
    Moved("db", "cpu_utilization", 0.3, 0.3),
)


def _metrics(story: Story, cast: dict[str, str], onset: datetime, dice: random.Random) -> MetricTable:
    shape = np.random.default_rng(dice.randrange(1 << 30))
    minutes = np.arange(END_MIN, dtype=float)
    times = np.array([(BEGIN + timedelta(minutes=float(minute))).timestamp() for minute in minutes])
    begun = (onset - BEGIN).total_seconds() / 60.0
    own = {(one.role, one.metric) for one in story.moved}
    series = [*story.moved, *(one for one in _USUAL if (one.role, one.metric) not in own)]
    columns = []
    for one in series:
        share = np.clip((minutes - begun) / (12.0 if one.climbs else 1.0), 0.0, 1.0)
        level = one.usual + (one.wrong - one.usual) * share
        columns.append(np.maximum(0.0, level * (1.0 + 0.06 * shape.standard_normal(len(minutes)))))
    names = tuple(SeriesName(cast[one.role], one.metric) for one in series)
    return MetricTable("made-up", float(times[-1]), times, minutes >= 40, names, np.stack(columns, axis=1))


_CHATTER = (
    Said("front", "INFO", "handled GET /v1/items in # ms", 4),
    Said("front", "INFO", "session refreshed for user #", 1),
    Said("svc", "INFO", "request completed id=# in # ms", 4),
    Said("svc", "DEBUG", "reloaded settings, # keys", 0.5),
    Said("svc", "WARN", "slow response from client #", 0.2),
    Said("dep", "INFO", "served # rows", 3),
    Said("side", "INFO", "published event #", 2),
    Said("db", "INFO", "checkpoint complete: wrote # buffers", 0.5),
    Said("far", "INFO", "job # finished", 0.5),
)


def _logs(story: Story, cast: dict[str, str], onset: datetime, dice: random.Random) -> LogTable:
    rows = []
    begun = (onset - BEGIN).total_seconds() / 60.0
    for said, start in [*((one, 0.0) for one in _CHATTER), *((one, begun) for one in story.said)]:
        count = max(1, round(said.per_min * (END_MIN - start)))
        for _ in range(count):
            minute = dice.uniform(start, END_MIN)
            rows.append(
                {
                    "incident": minute >= 40,
                    "time": (BEGIN + timedelta(minutes=minute)).timestamp(),
                    "service": cast[said.role],
                    "level": said.level,
                    "msg": _filled(said.text, cast, dice),
                    "trace": "",
                    "span": "",
                    "pod": "",
                    "fields": "",
                }
            )
    frame = pl.DataFrame(rows, schema=LOG_SCHEMA).sort("time")
    return LogTable("made-up", float(frame["time"][-1]), frame, "everything")
