"""One row of the ledger that somebody changed, or that rotted: everything else goes on, at the next start too."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.drills.stack import stack


async def test_one_altered_approval_does_not_keep_the_work_process_from_starting(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        incident = await s.declare()
        await s.proposal(incident)
        await s.end()
        with closing(sqlite3.connect(s.data / "ledger.sqlite")) as file, file:
            hash, body = file.execute("SELECT hash, body FROM proposals WHERE state = 'proposed'").fetchone()
            changed = json.dumps({**json.loads(body), "why": "bit rot"})
            file.execute("UPDATE proposals SET body = ?, state = 'approved' WHERE hash = ?", (changed, hash))
        began = len(s.log())
        await s.start()
        await s.declare("another")
        await s.until("it is told", lambda: s.count("outbox", "kind = 'altered' AND state = 'sent'") == 1)
        assert s.rows("SELECT state FROM proposals WHERE hash = ?", hash)[0][0] == "superseded"
        assert s.target.times() == {}
        assert '"event": "work.died"' not in s.log()[began:]
        channel = s.slack.channel_named("inc-0001")
        assert [m.text for m in s.slack.messages(channel) if "was altered" in m.text][-1].endswith("find out who changed it.")
