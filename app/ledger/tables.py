"""The tables. Every stored format may only grow: a new column has a default, a new meaning has a new name.

A migration's DDL is written out in `migrations/`; a test holds both against each other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from app.ledger.types import Canonical, Json, Moment, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _incident(*, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column("incident", Words, ForeignKey("incidents.id"), nullable=nullable, primary_key=primary_key)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


sequences = Table(
    "sequences",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Integer, nullable=False),  # the last number given out
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Words, primary_key=True),  # "INC-0042"
    Column("number", Integer, nullable=False, unique=True),
    Column("title", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("service", Words),
    Column("commander", Words),  # Slack user id; one at most, which is why it is a column
    Column("declared_by", Words, nullable=False),
    Column("declared_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("group_key", Words),  # the alert group that opened it
    Column("channel", Words, unique=True),  # Slack channel id
    Column("channel_name", Words),
    # One open incident per alert group, whoever declares first.
    Index("uq_incidents_open_group", "group_key", unique=True, **_where("closed_at IS NULL AND group_key IS NOT NULL")),
)

participants = Table(
    "participants",
    metadata,
    _incident(primary_key=True),
    Column("person", Words, primary_key=True),  # Slack user id
    Column("role", Words, primary_key=True),  # commander, communications, scribe, responder …
    Column("since", Moment, nullable=False),
    Column("until", Moment),  # when it was handed over; NULL while held
)

alerts = Table(
    "alerts",
    metadata,
    Column("fingerprint", Words, primary_key=True),
    Column("starts_at", Moment, primary_key=True),  # when it began to fire
    _incident(nullable=True),
    Column("count", Integer, nullable=False),  # how often it was delivered
    Column("status", Words, nullable=False),  # firing | resolved; resolved stays
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("body", Json, nullable=False),  # domain Alert
    Index(None, "incident"),
)

changes = Table(
    "changes",
    metadata,
    Column("source", Words, primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("id", Words, primary_key=True),
    Column("at", Moment, primary_key=True),  # when it took effect
    Column("recorded_at", Moment, nullable=False),
    Column("body", Json, nullable=False),  # domain Change
    Index(None, "at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),  # order of arrival
    Column("key", Words, nullable=False, unique=True),  # the sender's own id of it
    Column("kind", Words, nullable=False),
    Column("body", Json, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("finished_at", Moment),  # NULL: still to be worked on
    Column("outcome", Words),  # one sentence
    Index("ix_deliveries_pending", "id", **_where("finished_at IS NULL")),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Words, primary_key=True),
    _incident(),
    Column("state", Words, CheckConstraint("state IN ('queued','running','finished','failed')", name="state"), nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("started_at", Moment),  # of the newest attempt
    Column("finished_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("scope", Json, nullable=False),  # domain Scope
    Column("diagnosis", Json),  # domain Diagnosis
    Column("stop_reason", Words),
    Column("steps", Integer, nullable=False),  # how many steps were written; the next one's number follows from it
    Index(None, "incident"),
    Index("ix_runs_unfinished", "state", **_where("state IN ('queued','running')")),
)

steps = Table(
    "steps",
    metadata,
    Column("run", Words, ForeignKey("runs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("agent", Words, nullable=False),  # "logs@1.0.0"
    Column("step", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("details", Json, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("run", Words, ForeignKey("runs.id"), primary_key=True),
    Column("id", Words, primary_key=True),
    Column("body", Json, nullable=False),  # domain Finding
)

reports = Table(
    "reports",
    metadata,
    Column("run", Words, ForeignKey("runs.id"), primary_key=True),
    Column("investigator", Words, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("body", Json, nullable=False),  # the investigator's whole report, as JSON
)

proposals = Table(
    "proposals",
    metadata,
    Column("hash", Words, primary_key=True),
    _incident(),
    Column("body", Json, nullable=False),  # domain Proposal; never updated
    Column("state", Words, nullable=False),  # beside the body, never in it
    Column("expires_at", Moment, nullable=False),  # the body's, or sooner: at tier 3 the first press sets it
    Column("asked_at", Moment, nullable=False),  # likewise
    Column("moved_at", Moment, nullable=False),  # when it came into this state
    Index(None, "incident"),
    Index("ix_proposals_open", "expires_at", **_where("state = 'proposed'")),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("proposal", Words, ForeignKey("proposals.hash"), primary_key=True),
    Column("agent", Words, primary_key=True),  # "judge@1.0.0"
    Column("at", Moment, nullable=False),
    Column("body", Json, nullable=False),  # domain Acknowledgement
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("proposal", Words, ForeignKey("proposals.hash"), nullable=False),
    Column("decision", Words, CheckConstraint("decision IN ('approve','reject')", name="decision"), nullable=False),
    Column("by", Words, nullable=False),  # Slack user id
    Column("at", Moment, nullable=False),
    Column("surface", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("redeemed_at", Moment),  # when an execution used it up
    Column("redeemed_by", Words),  # that execution's id
    Column("revoked_at", Moment),  # when a no took it back before its run
    UniqueConstraint("proposal", "by", "decision"),
)

claims = Table(
    "claims",
    metadata,
    Column("resource", Words, primary_key=True),
    Column("token", Integer, nullable=False),  # grows with every acquisition and never shrinks: the row outlives its holders
    Column("holder", Words),  # NULL: nobody
    Column("priority", Integer, nullable=False),  # of the holder's class; higher wins
    Column("rank", Integer, nullable=False),  # with what waiting added to it, as it was acquired
    Column("acquired_at", Moment),
    Column("expires_at", Moment),
    Column("executing_at", Moment),  # from then on no class may take it away
    Column("left_by", Words),  # who held it last, once it was let go
    Column("left_at", Moment),
)

executions = Table(
    "executions",
    metadata,
    Column("id", Words, primary_key=True),
    Column("proposal", Words, ForeignKey("proposals.hash"), nullable=False, unique=True),  # at most once
    Column("claim_token", Integer, nullable=False),
    Column("state", Words, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("verified_at", Moment),
    Column("detail", Words, nullable=False),
    Column("observed", Json),  # the criterion's last value
    Index("ix_executions_open", "state", **_where("state IN ('started','finished','unknown')")),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Words, nullable=False, unique=True),
    _incident(nullable=True),
    Column("lane", Words, CheckConstraint("lane IN ('decision','card','note')", name="lane"), nullable=False),
    Column("kind", Words, nullable=False),
    Column("card", Words),  # which card a refresh is of; NULL for what must each be sent
    Column("body", Json, nullable=False),
    Column(
        "state",
        Words,
        CheckConstraint("state IN ('pending','sending','sent','failed','ambiguous','merged')", name="state"),
        nullable=False,
    ),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),  # when it came into this state
    Column("result", Json),  # {"ts", "channel"} once sent
    Column("error", Words),
    Index("ix_outbox_waiting", "incident", "lane", "id", **_where("state IN ('pending','sending','ambiguous')")),
    Index("uq_outbox_refresh", "incident", "card", unique=True, **_where("state = 'pending' AND card IS NOT NULL")),
)

messages = Table(
    "messages",
    metadata,
    _incident(primary_key=True),
    Column("card", Words, primary_key=True),  # "incident", "brief", "proposal:p-7f3ac91e" …
    Column("channel", Words, nullable=False),
    Column("ts", Words, nullable=False),
    Column("content_hash", Words, nullable=False),  # of what it shows now
    Column("updated_at", Moment, nullable=False),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _incident(),
    Column("at", Moment, nullable=False),
    Column("actor", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("details", Json, nullable=False),
    Index(None, "incident", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("incident", Words, primary_key=True),  # "" is the chain of what belongs to no incident
    Column("seq", Integer, primary_key=True),  # 1, 2, 3 … without gaps
    Column("at", Moment, nullable=False),
    Column("action", Words, nullable=False),  # source:subject:action
    Column("actor", Words, nullable=False),  # a person's id, "name@version", or "firstmate"
    Column("on_behalf_of", Words, nullable=False),
    Column("surface", Words, nullable=False),
    Column("agent", Words, nullable=False),  # "name@version" where an agent was involved
    Column("policy", Words, nullable=False),  # the policy's version
    Column("proposal", Words, nullable=False),  # hash
    Column("findings", Words, nullable=False),  # hashes of the findings it rests on, joined by a space
    Column("subject", Words, nullable=False),
    Column("payload_hash", Words, nullable=False),
    Column("prev", Words, nullable=False),  # the row before; "" for the first
    Column("hash", Words, nullable=False),  # over all of the above
    sqlite_with_rowid=False,  # kept in the order in which it is verified
)

audit_payloads = Table(
    "audit_payloads",
    metadata,
    Column("incident", Words, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("body", Canonical, nullable=False),  # apart from its row, so that it can be erased and the chain stays whole
    sqlite_with_rowid=False,
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("incident", Words, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", Words, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", Words, primary_key=True),
    Column("on", Integer, nullable=False),  # 0 or 1
    Column("by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("name", Words, primary_key=True),
    Column("version", Words, primary_key=True),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)

catalogues = Table(
    "catalogues",
    metadata,
    Column("kind", Words, primary_key=True),  # plugins | policy | runbooks …
    Column("hash", Words, primary_key=True),
    Column("body", Json, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("nonce", Words, primary_key=True),  # of the signed statement: seen once, never taken again
    Column("proposal", Words, ForeignKey("proposals.hash"), nullable=False),
    Column("by", Words, nullable=False),  # Slack user id
    Column("key", Words, nullable=False),  # the public key it was signed with
    Column("at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("counted", Integer, nullable=False),  # 0: it was refused; 1: it counts
    Column("redeemed_at", Moment),
    Index(None, "proposal"),
)

supersessions = Table(
    "supersessions",
    metadata,
    Column("proposal", Words, ForeignKey("proposals.hash"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("reason", Words, nullable=False),  # what moved, as a sentence; "" where its time was over
    Column("again", Words),  # hash of what was planned anew in its place
)

emergencies = Table(
    "emergencies",
    metadata,
    _incident(primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("by", Words, nullable=False),  # Slack user id
    Column("reason", Words, nullable=False),
    Column("until", Moment, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("proposal", Words, ForeignKey("proposals.hash"), primary_key=True),
    Column("agent", Words, nullable=False),  # who asked: "proposer@1.0.0", or a person's id
    Column("action", Words, nullable=False),
    Column("result", Words, nullable=False),  # hit | miss | unverified | failed | unknown | rejected | expired | superseded
    Column("at", Moment, nullable=False),
    Index(None, "agent", "action"),
)

breakers = Table(
    "breakers",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("action", Words, primary_key=True),
    Column("body", Json, nullable=False),  # domain Breaker
)

follows = Table(
    "follows",
    metadata,
    Column("proposal", Words, ForeignKey("proposals.hash"), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("well_since", Moment),
    Column("ended_at", Moment),  # NULL: nobody knows yet
    Column("sentence", Words, nullable=False),
    Index("ix_follows_open", "since", **_where("ended_at IS NULL")),
)

waits = Table(
    "waits",
    metadata,
    Column("resource", Words, primary_key=True),
    Column("holder", Words, primary_key=True),  # who would have it
    Column("priority", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),  # when it asked last; who stops asking stops waiting
    Column("asked", Integer, nullable=False),  # how often
    Column("in_way", Words, nullable=False),  # what was in its way when it asked last
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("key", Words, primary_key=True),  # one meeting of two is one row, however often they ask
    Column("resource", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("how", Words, nullable=False),  # refused | preempted | followed | stale
    Column("first", Words, nullable=False),  # who goes first
    Column("first_priority", Integer, nullable=False),
    Column("second", Words, nullable=False),  # who gives way
    Column("second_priority", Integer, nullable=False),
    Column("second_token", Integer),  # of the claim that was taken away
    _incident(nullable=True),
    Index(None, "resource", "at"),
)

states = Table(
    "states",
    metadata,
    Column("resource", Words, primary_key=True),
    Column("version", Integer, nullable=False),  # 1, 2, 3 …
    Column("token", Integer, nullable=False),  # the claim's under which it was written
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", Json, nullable=False),
)

APPEND_ONLY = ("audit", "timeline")
"""Tables whose rows may be neither changed nor removed: triggers refuse both."""
UNCHANGING = ("audit_payloads",)
"""Tables whose rows may be erased, never changed."""
