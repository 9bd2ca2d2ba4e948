"""What investigators reported. The graph's state holds ids; the bodies are here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pydantic
from sqlalchemy import func, select

from app.domain.errors import BadInput, NotFound
from app.domain.finding import Finding, Gap
from app.domain.value import JsonObject, Value, digest
from app.ledger.ledger import Tx
from app.ledger.tables import findings, reports, runs

V = TypeVar("V", Finding, Gap)


class StoredReport(Value):
    """An investigator's report of one round, as the JSON it was saved as (the graphs' `Report`)."""

    run: str
    investigator: str
    round: int
    body: JsonObject


async def save_report(tx: Tx, run: str, *, investigator: str, round: int, body: JsonObject) -> None:
    """Keep a report (`report.model_dump(mode="json")`) and its findings' bodies. Saving it again replaces it.

    Raises `BadInput` when its findings or gaps are not the domain's.
    """
    held = _findings_of(body)
    _gaps_of(body)
    row = tx.insert(reports).values(run=run, investigator=investigator, round=round, body=body)
    await tx.execute(row.on_conflict_do_update(index_elements=["run", "investigator", "round"], set_={"body": body}))
    await save_findings(tx, run, held)


async def save_findings(tx: Tx, run: str, found: list[Finding]) -> None:
    """Keep findings that stand in no report (a check by hand, an outside agent's)."""
    for finding in found:
        body = finding.model_dump(mode="json")
        row = tx.insert(findings).values(run=run, id=finding.id, body=body)
        await tx.execute(row.on_conflict_do_update(index_elements=["run", "id"], set_={"body": body}))


async def list_reports(tx: Tx, run: str) -> list[StoredReport]:
    """Every report of the run, by round, then investigator."""
    query = select(reports).where(reports.c.run == run).order_by(reports.c.round, reports.c.investigator)
    return [StoredReport.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


async def newest_reports(tx: Tx, run: str) -> list[StoredReport]:
    """Of each investigator the report of its last round: what counts."""
    newest = {report.investigator: report for report in await list_reports(tx, run)}
    return [newest[name] for name in sorted(newest)]


async def get(tx: Tx, run: str, finding: str) -> Finding:
    """Raises `NotFound`."""
    body = (await tx.execute(select(findings.c.body).where(findings.c.run == run, findings.c.id == finding))).scalar()
    if body is None:
        raise NotFound(f"run {run} holds no finding {finding}")
    return Finding.model_validate(body)


async def for_run(tx: Tx, run: str) -> list[Finding]:
    """All of the run's findings, by id."""
    found = await tx.execute(select(findings.c.body).where(findings.c.run == run).order_by(findings.c.id))
    return [Finding.model_validate(body) for body in found.scalars()]


def hash_of(finding: Finding) -> str:
    """Over everything in it: its id names what was measured, this also says what came out."""
    return digest(finding.model_dump(mode="json"))


async def hashes(tx: Tx, incident: str, ids: Sequence[str]) -> list[str]:
    """Hashes of these findings of the incident, in this order, each as its newest run holds it. One that is gone has none."""
    query = select(findings.c.id, findings.c.body).join(runs, runs.c.id == findings.c.run)
    held = await tx.execute(query.where(runs.c.incident == incident, findings.c.id.in_(ids)).order_by(runs.c.queued_at))
    newest = {row.id: digest(row.body) for row in held}
    return [newest[id] for id in ids if id in newest]


async def gaps(tx: Tx, run: str) -> list[Gap]:
    """What is not known: the gaps of each investigator's newest report."""
    return [gap for report in await newest_reports(tx, run) for gap in _gaps_of(report.body)]


async def count(tx: Tx, run: str) -> int:
    """How many findings the run holds."""
    return int((await tx.execute(select(func.count()).select_from(findings).where(findings.c.run == run))).scalar_one())


def _findings_of(body: JsonObject) -> list[Finding]:
    return _read(Finding, body, "findings")


def _gaps_of(body: JsonObject) -> list[Gap]:
    return _read(Gap, body, "gaps")


def _read(kind: type[V], body: JsonObject, name: str) -> list[V]:
    found = body.get(name, [])
    try:
        return [kind.model_validate(item) for item in (found if isinstance(found, list) else [found])]
    except pydantic.ValidationError as error:
        raise BadInput(f"a report's {name} cannot be read: {error.errors()[0]['msg']}") from error
