"""What an auditor asks for: whether the chains hold, and what was done within some time: who asked, who agreed, in which order."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.errors import BadInput
from app.domain.value import JsonObject, canonical
from app.ledger import approvals, audit, emergencies, executions, proposals
from app.ledger.audit import AuditRow
from app.ledger.ledger import Ledger, Tx
from app.ledger.proposals import Altered

COLUMNS = (
    *(
        "proposal",
        "incident",
        "tier",
        "action",
        "target",
        "what_ran",
        "arguments",
        "asked_by",
        "asked_at",
        "approved_by",
        "approved_at",
    ),
    *("started_at", "finished_at", "result", "state", "policy", "emergency"),
)
"""Of proposals.csv, one row a proposal. Several people and moments in one field are joined by a space, in the order of presses."""


@dataclass(frozen=True)
class Checked:
    """`problems`: sentences by chain; a chain without any is not in it."""

    chains: int
    rows: int
    problems: dict[str, list[str]]


async def check(ledger: Ledger) -> Checked:
    """Every chain of the ledger, link by link, against the ends it keeps."""
    async with ledger.read() as tx:
        ends = await audit.heads(tx)
        found = {end.incident: await audit.verify(tx, end.incident) for end in ends}
        orphans = await audit.without_head(tx)
    problems = {chain: told for chain, told in found.items() if told} | {
        chain: ["the chain's head is missing"] for chain in orphans
    }
    return Checked(chains=len(ends) + len(orphans), rows=sum(end.seq for end in ends), problems=problems)


async def export(ledger: Ledger, folder: Path, *, start: datetime, end: datetime, by: str, at: datetime) -> dict[str, int]:
    """Write proposals.csv, audit.jsonl and manifest.json into `folder` (new, or empty), and record that it was done.

    Proposals asked and rows written in [start, end). How many of each. Raises `BadInput` where that folder can't be, or is in use.
    """
    if start >= end:
        raise BadInput(
            f"from {start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z is no stretch of time; the end comes after the start"
        )
    await asyncio.to_thread(_demand_empty, folder)
    async with ledger.read() as tx:
        ends = await audit.heads(tx)
        lines = [row for each in ends for row in await _rows(tx, each.incident, start=start, end=end)]
        actions = [await _action(tx, hash) for hash in await proposals.asked_between(tx, start, end)]
    texts = {
        "proposals.csv": _table(actions),
        "audit.jsonl": "".join(json.dumps(row.model_dump(mode="json"), ensure_ascii=False, sort_keys=True) + "\n" for row in lines),
    }
    manifest: JsonObject = {
        "schema": "audit-export/1",
        "from": start.isoformat(),
        "to": end.isoformat(),
        "written_at": at.isoformat(),
        "by": by,
        "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
        "heads": [each.model_dump(mode="json") for each in ends],
    }
    await asyncio.to_thread(_write, folder, {**texts, "manifest.json": canonical(manifest).decode() + "\n"})
    async with ledger.write() as tx:
        payload: JsonObject = {"from": start.isoformat(), "to": end.isoformat(), "files": manifest["files"]}
        await audit.append(tx, audit.Action.EXPORTED, at=at, actor=by, surface="shell", subject="audit", payload=payload)
    return {"proposals": len(actions), "rows": len(lines)}


def _write(folder: Path, texts: dict[str, str]) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"{folder} can't be written ({error.strerror}); name a folder that can") from error


def _demand_empty(folder: Path) -> None:
    try:
        used = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise BadInput(f"{folder} can't be read ({error.strerror}); name a new folder") from error
    if used:
        raise BadInput(f"{folder} is in use; an export is never written over something: name a new folder")


async def _rows(tx: Tx, incident: str, *, start: datetime, end: datetime) -> list[AuditRow]:
    found: list[AuditRow] = []
    seq = 0
    while chunk := await audit.rows(tx, incident, after=seq):
        found += [row for row in chunk if start <= row.at < end]
        seq = chunk[-1].seq
    return found


async def _action(tx: Tx, hash: str) -> dict[str, str]:
    try:
        held = await proposals.get(tx, hash)
    except Altered as error:
        return {"proposal": f"p-{hash[:8]}", "state": "altered", "result": str(error)}
    proposal, run = held.proposal, await executions.of_proposal(tx, hash)
    yes = [each for each in await approvals.for_proposal(tx, hash) if each.decision == "approve"]
    return {
        "proposal": proposal.name,
        "incident": proposal.incident,
        "tier": str(proposal.tier),
        "action": proposal.call.action,
        "target": proposal.effects.target,
        "what_ran": proposal.effects.sentence,
        "arguments": canonical(proposal.call.arguments).decode(),
        "asked_by": proposal.asked_by,
        "asked_at": proposal.asked_at.isoformat(),
        "approved_by": " ".join(each.by for each in yes),
        "approved_at": " ".join(each.at.isoformat() for each in yes),
        "started_at": run.started_at.isoformat() if run else "",
        "finished_at": run.finished_at.isoformat() if run and run.finished_at else "",
        "result": f"{run.state}: {run.detail}" if run else "did not run",
        "state": held.state,
        "policy": proposal.policy,
        "emergency": "yes" if await emergencies.used_for(tx, hash) else "no",
    }


def _table(actions: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _inert(text) for name, text in each.items()} for each in actions)
    return out.getvalue()


def _inert(text: str) -> str:
    """What a spreadsheet would take for a formula stays text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
