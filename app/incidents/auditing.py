"""What an auditor asks for: whether the chains hold, and what was done within some time: who asked, who agreed, in which order."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.domain.errors import BadInput
from app.domain.value import JsonObject, canonical
from app.ledger import approvals, audit, emergencies, executions, proposals
from app.ledger.audit import AuditRow
from app.ledger.ledger import Ledger, Tx
from app.ledger.proposals import Altered
from app.ledger.rebuild import differences
from app.ledger.roots import Roots
from app.verify_alone import Check, Log, Report, check_sqlite, read_roots

COLUMNS = (
    *(
        "proposal",
        "incident",
        "tier",
        "action",
        "target",
        "what_ran",
        "arguments",
        "before",
        "diff",
        "asked_by",
        "asked_at",
        "approved_by",
        "approved_at",
    ),
    *("started_at", "finished_at", "result", "state", "policy", "emergency"),
)
"""Of proposals.csv, one row a proposal. Several people and moments in one field are joined by a space, in the order of presses."""


async def check(ledger: Ledger, roots: Path, *, keys: Sequence[str], told: Sequence[str] = ()) -> Report:
    """Every chain of the ledger, link by link, against the ends it keeps and the roots in this file, signed by one of `keys`.

    `told`: roots as they stand elsewhere, `SEQ:HASH`. Raises `BadInput` for what names none. By the stand-alone verifier, which
    reads a SQLite file by itself; from PostgreSQL it is given the rows. Then the tables against what the trail says.
    """
    report = await _report(ledger, roots, keys=keys, told=told)
    if report.problems:  # what the trail says is worth nothing then
        return report
    async with ledger.read() as tx:
        return replace(report, whole=[*report.whole, *await differences(tx)])


async def _report(ledger: Ledger, roots: Path, *, keys: Sequence[str], told: Sequence[str]) -> Report:
    try:
        if ledger.url.get_backend_name() == "sqlite":
            return await asyncio.to_thread(check_sqlite, Path(str(ledger.url.database)), _log(roots, keys), told=told)
        verifier = Check(_log(roots, keys))  # roots first: rows that come while it is read are then never missed
        for each in told:
            verifier.expect(each)
        async with ledger.read() as tx:
            await audit.read_into(verifier, tx)
            return verifier.end([(end.incident, end.seq, end.hash) for end in await audit.heads(tx)])
    except ValueError as error:
        raise BadInput(str(error)) from error


def _log(roots: Path, keys: Sequence[str]) -> Log:
    try:
        return read_roots(roots.read_text(encoding="utf-8"), keys=keys)
    except FileNotFoundError:
        return Log()
    except OSError as error:
        raise BadInput(f"the roots in {roots} can't be read ({error.strerror}); run it as whom firstmate serve runs as") from error


async def export(
    ledger: Ledger, roots: Roots, folder: Path, *, start: datetime, end: datetime, by: str, at: datetime
) -> dict[str, int]:
    """Write proposals.csv, audit.jsonl, roots.jsonl and a signed manifest.json into `folder` (new, or empty), and record it.

    Proposals asked and rows written in [start, end). How many of each. Raises `BadInput` where that folder can't be, or is in use,
    and `Misconfigured` where no root can be signed over what is written.
    """
    if start >= end:
        raise BadInput(
            f"from {start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z is no stretch of time; the end comes after the start"
        )
    await asyncio.to_thread(_demand_empty, folder)
    async with ledger.read() as tx:
        ends = await audit.heads(tx)
        chains = [await _rows(tx, each.incident, start=start, end=end) for each in ends]
        actions = [await _action(tx, hash) for hash in await proposals.asked_between(tx, start, end)]
    last = await roots.seal()  # over at least what was read
    lines = [row for chain in chains for row in chain]
    texts = {
        "proposals.csv": _table(actions),
        "audit.jsonl": "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in map(_line, lines)),
        "roots.jsonl": await asyncio.to_thread(_read, roots.path),
    }
    manifest: JsonObject = {
        "schema": "audit-export/2",
        "from": start.isoformat(),
        "to": end.isoformat(),
        "written_at": at.isoformat(),
        "by": by,
        "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
        "heads": [each.model_dump(mode="json") for each in ends],
        "chains": [{"incident": each[0].incident, "after": each[0].seq - 1, "prev": each[0].prev} for each in chains if each],
        "root": f"{last.seq}:{last.hash}" if last else "",
    }
    text = canonical(roots.signed(manifest)).decode() + "\n"
    await asyncio.to_thread(_write, folder, {**texts, "manifest.json": text})
    async with ledger.write() as tx:
        payload: JsonObject = {"from": start.isoformat(), "to": end.isoformat(), "files": manifest["files"]}
        await audit.append(tx, audit.Action.EXPORTED, at=at, actor=by, surface="shell", subject="audit", payload=payload)
    return {"proposals": len(actions), "rows": len(lines)}


def _line(row: AuditRow) -> JsonObject:
    """As its hash is taken over it."""
    return {**row.model_dump(mode="json"), "at": audit.moment(row.at)}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


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
    """The chain's rows of that time, without gaps: also what was written in between while a clock was set back."""
    found = [row async for row in audit.every_row(tx, incident)]
    inside = [i for i, row in enumerate(found) if start <= row.at < end]
    return found[inside[0] : inside[-1] + 1] if inside else []


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
        "before": canonical(proposal.precondition).decode(),
        "diff": "; ".join(proposal.preview.lines),
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
    """What a spreadsheet would take for a formula stays text: also behind blanks and the invisible, and in full width."""
    return f"'{text}" if _FORMULA.match(unicodedata.normalize("NFKC", text)) else text


_FORMULA = re.compile(r"[\t\r\n]|[^\w!-~]*[=+\-@]")
