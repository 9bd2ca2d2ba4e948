"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.ledger.migrations import queue
from app.ledger.types import Canonical, Json, Moment, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("name", Words, nullable=False),
        sa.Column("version", Words, nullable=False),
        sa.Column("first_seen", Moment, nullable=False),
        sa.Column("last_seen", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_agents"),
    )
    op.create_table(
        "audit",
        sa.Column("incident", Words, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("action", Words, nullable=False),
        sa.Column("actor", Words, nullable=False),
        sa.Column("on_behalf_of", Words, nullable=False),
        sa.Column("surface", Words, nullable=False),
        sa.Column("agent", Words, nullable=False),
        sa.Column("policy", Words, nullable=False),
        sa.Column("proposal", Words, nullable=False),
        sa.Column("findings", Words, nullable=False),
        sa.Column("subject", Words, nullable=False),
        sa.Column("payload_hash", Words, nullable=False),
        sa.Column("prev", Words, nullable=False),
        sa.Column("hash", Words, nullable=False),
        sa.PrimaryKeyConstraint("incident", "seq", name="pk_audit"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_heads",
        sa.Column("incident", Words, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", Words, nullable=False),
        sa.PrimaryKeyConstraint("incident", name="pk_audit_heads"),
    )
    op.create_table(
        "audit_payloads",
        sa.Column("incident", Words, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("body", Canonical, nullable=False),
        sa.PrimaryKeyConstraint("incident", "seq", name="pk_audit_payloads"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "catalogues",
        sa.Column("kind", Words, nullable=False),
        sa.Column("hash", Words, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("first_seen", Moment, nullable=False),
        sa.Column("last_seen", Moment, nullable=False),
        sa.PrimaryKeyConstraint("kind", "hash", name="pk_catalogues"),
    )
    op.create_table(
        "changes",
        sa.Column("source", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("id", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("recorded_at", Moment, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "id", "at", name="pk_changes"),
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_table(
        "claims",
        sa.Column("resource", Words, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("holder", Words),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("acquired_at", Moment),
        sa.Column("expires_at", Moment),
        sa.Column("executing_at", Moment),
        sa.Column("left_by", Words),
        sa.Column("left_at", Moment),
        sa.PrimaryKeyConstraint("resource", name="pk_claims"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
        sa.Column("outcome", Words),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("key", name="uq_deliveries_key"),
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["id"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", Words, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", Words, nullable=False),
        sa.Column("severity", Words, nullable=False),
        sa.Column("status", Words, nullable=False),
        sa.Column("service", Words),
        sa.Column("commander", Words),
        sa.Column("declared_by", Words, nullable=False),
        sa.Column("declared_at", Moment, nullable=False),
        sa.Column("closed_at", Moment),
        sa.Column("group_key", Words),
        sa.Column("channel", Words),
        sa.Column("channel_name", Words),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("channel", name="uq_incidents_channel"),
        sa.UniqueConstraint("number", name="uq_incidents_number"),
    )
    op.create_index(
        "uq_incidents_open_group",
        "incidents",
        ["group_key"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL AND group_key IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND group_key IS NOT NULL"),
    )
    op.create_table(
        "sequences",
        sa.Column("name", Words, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sequences"),
    )
    op.create_table(
        "switches",
        sa.Column("name", Words, nullable=False),
        sa.Column("on", sa.Integer, nullable=False),
        sa.Column("by", Words, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_switches"),
    )
    op.create_table(
        "alerts",
        sa.Column("fingerprint", Words, nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("incident", Words),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("status", Words, nullable=False),
        sa.Column("first_seen", Moment, nullable=False),
        sa.Column("last_seen", Moment, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_alerts_incident"),
        sa.PrimaryKeyConstraint("fingerprint", "starts_at", name="pk_alerts"),
    )
    op.create_index("ix_alerts_incident", "alerts", ["incident"])
    op.create_table(
        "messages",
        sa.Column("incident", Words, nullable=False),
        sa.Column("card", Words, nullable=False),
        sa.Column("channel", Words, nullable=False),
        sa.Column("ts", Words, nullable=False),
        sa.Column("content_hash", Words, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_messages_incident"),
        sa.PrimaryKeyConstraint("incident", "card", name="pk_messages"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", Words, nullable=False),
        sa.Column("incident", Words),
        sa.Column("lane", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("card", Words),
        sa.Column("body", Json, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("not_before", Moment, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.Column("result", Json),
        sa.Column("error", Words),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_outbox_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["incident", "lane", "id"],
        sqlite_where=sa.text("state IN ('pending','sending','ambiguous')"),
        postgresql_where=sa.text("state IN ('pending','sending','ambiguous')"),
    )
    op.create_index(
        "uq_outbox_refresh",
        "outbox",
        ["incident", "card"],
        unique=True,
        sqlite_where=sa.text("state = 'pending' AND card IS NOT NULL"),
        postgresql_where=sa.text("state = 'pending' AND card IS NOT NULL"),
    )
    op.create_table(
        "participants",
        sa.Column("incident", Words, nullable=False),
        sa.Column("person", Words, nullable=False),
        sa.Column("role", Words, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("until", Moment),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_participants_incident"),
        sa.PrimaryKeyConstraint("incident", "person", "role", name="pk_participants"),
    )
    op.create_table(
        "proposals",
        sa.Column("hash", Words, nullable=False),
        sa.Column("incident", Words, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("asked_at", Moment, nullable=False),
        sa.Column("moved_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_proposals_incident"),
        sa.PrimaryKeyConstraint("hash", name="pk_proposals"),
    )
    op.create_index("ix_proposals_incident", "proposals", ["incident"])
    op.create_index(
        "ix_proposals_open",
        "proposals",
        ["expires_at"],
        sqlite_where=sa.text("state = 'proposed'"),
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_table(
        "runs",
        sa.Column("id", Words, nullable=False),
        sa.Column("incident", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("queued_at", Moment, nullable=False),
        sa.Column("started_at", Moment),
        sa.Column("finished_at", Moment),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("scope", Json, nullable=False),
        sa.Column("diagnosis", Json),
        sa.Column("stop_reason", Words),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_runs_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_incident", "runs", ["incident"])
    op.create_index(
        "ix_runs_unfinished",
        "runs",
        ["state"],
        sqlite_where=sa.text("state IN ('queued','running')"),
        postgresql_where=sa.text("state IN ('queued','running')"),
    )
    op.create_table(
        "timeline",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("incident", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", Words, nullable=False),
        sa.Column("text", Words, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_timeline_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_timeline"),
    )
    op.create_index("ix_timeline_incident_id", "timeline", ["incident", "id"])
    op.create_table(
        "acknowledgements",
        sa.Column("proposal", Words, nullable=False),
        sa.Column("agent", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_acknowledgements_proposal"),
        sa.PrimaryKeyConstraint("proposal", "agent", name="pk_acknowledgements"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("proposal", Words, nullable=False),
        sa.Column("decision", Words, nullable=False),
        sa.Column("by", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("surface", Words, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("redeemed_at", Moment),
        sa.Column("redeemed_by", Words),
        sa.Column("revoked_at", Moment),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_approvals_proposal"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
        sa.UniqueConstraint("proposal", "by", "decision", name="uq_approvals_proposal_by_decision"),
    )
    op.create_table(
        "executions",
        sa.Column("id", Words, nullable=False),
        sa.Column("proposal", Words, nullable=False),
        sa.Column("claim_token", sa.Integer, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
        sa.Column("verified_at", Moment),
        sa.Column("detail", Words, nullable=False),
        sa.Column("observed", Json),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_executions_proposal"),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
        sa.UniqueConstraint("proposal", name="uq_executions_proposal"),
    )
    op.create_index(
        "ix_executions_open",
        "executions",
        ["state"],
        sqlite_where=sa.text("state IN ('started','finished','unknown')"),
        postgresql_where=sa.text("state IN ('started','finished','unknown')"),
    )
    op.create_table(
        "findings",
        sa.Column("run", Words, nullable=False),
        sa.Column("id", Words, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_findings_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_findings"),
    )
    op.create_table(
        "reports",
        sa.Column("run", Words, nullable=False),
        sa.Column("investigator", Words, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_reports_run"),
        sa.PrimaryKeyConstraint("run", "investigator", "round", name="pk_reports"),
    )
    op.create_table(
        "steps",
        sa.Column("run", Words, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("agent", Words, nullable=False),
        sa.Column("step", Words, nullable=False),
        sa.Column("text", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_steps_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_steps"),
    )
    op.create_table(
        "confirmations",
        sa.Column("nonce", Words, nullable=False),
        sa.Column("proposal", Words, nullable=False),
        sa.Column("by", Words, nullable=False),
        sa.Column("key", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.Column("redeemed_at", Moment),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_confirmations_proposal"),
        sa.PrimaryKeyConstraint("nonce", name="pk_confirmations"),
    )
    op.create_index("ix_confirmations_proposal", "confirmations", ["proposal"])
    op.create_table(
        "supersessions",
        sa.Column("proposal", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("again", Words),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_supersessions_proposal"),
        sa.PrimaryKeyConstraint("proposal", name="pk_supersessions"),
    )
    op.create_table(
        "emergencies",
        sa.Column("incident", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("by", Words, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("until", Moment, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_emergencies_incident"),
        sa.PrimaryKeyConstraint("incident", "at", name="pk_emergencies"),
    )
    op.create_table(
        "outcomes",
        sa.Column("proposal", Words, nullable=False),
        sa.Column("agent", Words, nullable=False),
        sa.Column("action", Words, nullable=False),
        sa.Column("result", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_outcomes_proposal"),
        sa.PrimaryKeyConstraint("proposal", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_agent_action", "outcomes", ["agent", "action"])
    op.create_table(
        "breakers",
        sa.Column("agent", Words, nullable=False),
        sa.Column("action", Words, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("agent", "action", name="pk_breakers"),
    )
    op.create_table(
        "follows",
        sa.Column("proposal", Words, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("well_since", Moment),
        sa.Column("ended_at", Moment),
        sa.Column("sentence", Words, nullable=False),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.hash"], name="fk_follows_proposal"),
        sa.PrimaryKeyConstraint("proposal", name="pk_follows"),
    )
    unended = sa.text("ended_at IS NULL")
    op.create_index("ix_follows_open", "follows", ["since"], sqlite_where=unended, postgresql_where=unended)
    op.create_table(
        "waits",
        sa.Column("resource", Words, nullable=False),
        sa.Column("holder", Words, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("in_way", Words, nullable=False),
        sa.PrimaryKeyConstraint("resource", "holder", name="pk_waits"),
    )
    op.create_table(
        "conflicts",
        sa.Column("key", Words, nullable=False),
        sa.Column("resource", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("how", Words, nullable=False),
        sa.Column("first", Words, nullable=False),
        sa.Column("first_priority", sa.Integer, nullable=False),
        sa.Column("second", Words, nullable=False),
        sa.Column("second_priority", sa.Integer, nullable=False),
        sa.Column("second_token", sa.Integer),
        sa.Column("incident", Words),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name="fk_conflicts_incident"),
        sa.PrimaryKeyConstraint("key", name="pk_conflicts"),
    )
    op.create_index("ix_conflicts_resource_at", "conflicts", ["resource", "at"])
    op.create_table(
        "states",
        sa.Column("resource", Words, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("by", Words, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("resource", name="pk_states"),
    )
    for table in ("audit", "timeline"):
        _refuse(table, "UPDATE")
        _refuse(table, "DELETE")
    _refuse("audit_payloads", "UPDATE")
    if op.get_bind().dialect.name == "postgresql":
        _script(queue.schema())


def _refuse(table: str, verb: str) -> None:
    """A trigger that fails every `verb` on `table`."""
    name = f"{table}_no_{verb.lower()}"
    message = f"the {table} table refuses {verb}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END")
        return
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{message}'; END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
    if verb == "DELETE":
        op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")


def _script(statements: str) -> None:
    """Many statements at once, which only the driver itself takes."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None  # a connection that just made our tables
    driver.execute(statements.encode())
