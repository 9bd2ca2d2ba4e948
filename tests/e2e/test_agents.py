"""Agents that share the ledger with `firstmate serve`: real processes, real HTTP, a fake Slack. 2:27 AM is the first of these."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.drills.stack import POLICY, ROOT, Stack, stack
from tests.unit.web.ledger_door import TOKENS, agents_yaml

NODES = "shop/service/checkout/nodes"
TARGET = "shop/service/checkout"


async def agent(s: Stack, role: str, *, class_: str) -> asyncio.subprocess.Process:
    """One of the two of `app/demo/agents.py`, as anybody would start it."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "app/demo/agents.py"), role, f"http://127.0.0.1:{s.port}/v1", NODES),
        env={"PATH": os.environ["PATH"], "AGENT_TOKEN": TOKENS[class_]},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def says(process: asyncio.subprocess.Process) -> list[str]:
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return [json.loads(line)["text"] for line in out.decode().splitlines()]


async def ask(s: Stack, who: str, method: str, path: str, **body: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=20) as http:
        head = {"Authorization": f"Bearer {TOKENS[who]}"}
        return await http.request(method, f"http://127.0.0.1:{s.port}/v1{path}", headers=head, **({"json": body} if body else {}))


def said_in_channel(s: Stack, words: str) -> list[str]:
    channel = s.slack.channel_named("inc-0001")
    return [m.text for m in s.slack.messages(channel) if words in m.text]


async def started(s: Stack) -> str:
    (s.data / "policy.yaml").write_text(POLICY + agents_yaml())
    await s.start()
    assert (await s.alert("CheckoutSlow")).status_code == 202
    await s.until("an incident is open", lambda: s.count("incidents"))
    return str(s.rows("SELECT id FROM incidents")[0][0])


async def test_at_2_27_the_cost_agent_wants_the_booting_nodes_gone_and_they_come_up(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await started(s)
        scaler = await agent(s, "autoscaler", class_="incident")
        await s.until("nodes boot", lambda: s.count("states", "version = 1"))
        saver = await agent(s, "cost", class_="cost")
        did, wanted = await asyncio.gather(says(scaler), says(saver))
        assert did == ["writes {'ready': 4, 'booting': 2}", "writes {'ready': 6, 'booting': 0}"]
        assert wanted[0] == "sees 2 nodes that do no work, and wants them gone"
        assert "incident-agent@1 (incident) is executing on shop/service/checkout/nodes" in wanted[1]
        assert "is at version 2, not 1: incident-agent@1 changed it at" in wanted[-2]
        assert wanted[-1] == "looks again: every node works, so it leaves them"
        now = (await ask(s, "cost", "GET", f"/state/{NODES}")).json()
        assert (now["state"], now["version"]) == ({"ready": 6, "booting": 0}, 2)
        await s.rest()
        met = {how for (how,) in s.rows("SELECT how FROM conflicts WHERE incident = 'INC-0001'")}
        assert met == {"refused", "stale"}
        assert said_in_channel(s, "cost-agent@1 (cost) wanted shop/service/checkout/nodes, which incident-agent@1 (incident) has")
        assert s.count("audit", "action = 'agent:claim:refuse' AND actor = 'cost-agent@1'") == 1
        wrong = await s.wrong()
        assert wrong == [], wrong


async def test_what_a_person_approved_and_what_agents_ask_for_go_by_one_set_of_claims(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        incident = await started(s)
        first = (await ask(s, "cost", "POST", "/claims", resources=[TARGET], ttl_s=120)).json()["claims"][0]["token"]
        stop = s.target.hold("before")
        hash = await s.approve(incident)
        await s.until("the repair runs", stop.reached.is_set)
        lost = await ask(s, "cost", "POST", "/claims/heartbeat", tokens={TARGET: first}, executing=True)
        assert lost.status_code == 409
        assert f"execution:{hash[:16]} (incident) took {TARGET}" in lost.json()["error"]
        for who in ("cost", "security"):
            refused = await ask(s, who, "POST", "/claims", resources=[TARGET])
            assert refused.status_code == 409, who
            assert f"execution:{hash[:16]} (incident) is executing on {TARGET}" in refused.json()["error"]
        s.target.release()
        await s.until("it was verified", lambda: s.count("executions", "verified_at IS NOT NULL"))
        await s.until(
            "it is told",
            lambda: said_in_channel(s, f"cost-agent@1 (cost) had claimed {TARGET} when the approved repair {hash[:16]}"),
        )
        assert (await ask(s, "security", "POST", "/claims", resources=[TARGET])).status_code == 201
        await s.rest()
        wrong = await s.wrong()
        assert wrong == [], wrong


async def test_a_repair_does_not_run_where_an_agent_executes_and_says_so(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        incident = await started(s)
        held = (await ask(s, "cost", "POST", "/claims", resources=[TARGET], ttl_s=120)).json()["claims"][0]["token"]
        said = await ask(s, "cost", "POST", "/claims/heartbeat", tokens={TARGET: held}, executing=True, ttl_s=120)
        assert said.status_code == 200
        hash = await s.approve(incident)
        await s.until("it did not run", lambda: s.count("proposals", f"hash = '{hash}' AND state = 'superseded'"))
        await s.until("it is told", lambda: said_in_channel(s, f"cost-agent@1 (cost) holds {TARGET}"))
        assert s.target.times() == {}


async def test_two_that_keep_meeting_are_taken_to_a_person(tmp_path: Path) -> None:
    """In the channel of the incident concerned; where none is, they open one."""
    async with stack(tmp_path / "s") as s:
        await started(s)
        for resource in (TARGET, "elsewhere/queue"):
            for _ in range(3):
                tokens = (await ask(s, "incident", "POST", "/claims", resources=[resource])).json()["claims"]
                assert (await ask(s, "cost", "POST", "/claims", resources=[resource])).status_code == 409
                given = {resource: tokens[0]["token"]}
                assert (await ask(s, "incident", "POST", "/claims/release", tokens=given)).status_code == 200
        await s.until("it is told", lambda: said_in_channel(s, "They have met 3 times within an hour"))
        await s.until("they open an incident", lambda: s.count("incidents") == 2, 60)
        title = s.rows("SELECT title FROM incidents ORDER BY number DESC")[0][0]
        assert title == (
            "cost-agent@1 and incident-agent@1 have met 3 times within an hour on elsewhere/queue: a person must say who may"
        )
        await s.rest()
        assert await s.wrong() == []


async def test_an_agent_taken_out_of_the_policy_file_is_let_in_no_more(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await started(s)
        assert (await ask(s, "cost", "GET", "/claims")).status_code == 200
        (s.data / "policy.yaml").write_text(POLICY)
        for _ in range(60):
            if (said := await ask(s, "cost", "GET", "/claims")).status_code == 401:
                break
            await asyncio.sleep(0.25)
        assert said.status_code == 401
