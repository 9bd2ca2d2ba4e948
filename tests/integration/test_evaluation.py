"""`firstmate eval` as it is started: by parts of the engine, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.combinations import Combination
from app.main import run_case_by_name, run_combinations_by_name

BEGAN, STEP_S, EACH = 1772356800, 30, 20
"""Epoch seconds of the first sample; 20 samples as it usually is, 20 of the incident."""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """At half time `payments` begins to wait and to log errors, and `orders` waits for it."""
    folder = tmp_path / "cases" / "slow-orders"
    folder.mkdir(parents=True)
    window = {"start": "2026-03-01T09:30:00Z", "end": "2026-03-01T09:40:00Z"}
    window |= {"reference": ["2026-03-01T09:20:00Z", "2026-03-01T09:30:00Z"]}
    alert = {"service": "orders", "summary": "orders is slow", "fired_at": "2026-03-01T09:32:00Z"}
    body = {"schema": "incident-case/1", "alert": alert, "window": window, "candidates": ["orders", "payments"]}
    (folder / "case.json").write_text(json.dumps(body))
    rows, lines = ["phase,time,orders|latency_p95,payments|latency_p95,payments|pool_wait_s"], []
    for i in range(2 * EACH):
        phase, wait = ("reference", 0.0) if i < EACH else ("incident", 1.5)
        rows.append(f"{phase},{BEGAN + STEP_S * i},{0.2 + wait + i % 3 / 100},{0.1 + wait + i % 3 / 100},{wait + i % 3 / 1000}")
        level, text = ("info", "payment taken") if i < EACH else ("error", "no connection was free within 1500 ms")
        lines.append(json.dumps({"phase": phase, "time": BEGAN + STEP_S * i, "service": "payments", "level": level, "msg": text}))
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    (folder / "logs.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "slow-orders.json").write_text('{"service": ["payments"], "source": "s"}')
    return folder


def answer(line: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line)
    return {name: told[name] for name in ("case", "verdict", "hypotheses", "findings", "gaps", "agents")}


def test_all_parts_answer_as_the_whole_engine_does(case: Path) -> None:
    whole = Combination(("deploys", "logs", "metrics"))
    parts = run_combinations_by_name(str(case), asked=(whole,), whole=True)
    assert answer(parts) == answer(run_case_by_name(str(case)))


def test_who_is_left_out_says_nothing(case: Path) -> None:
    told = answer(run_combinations_by_name(str(case), asked=(Combination(("metrics",)),), whole=True))
    assert set(told["agents"]) == {"metrics", "judge", "proposer"}
    assert told["hypotheses"]
    assert {finding["agent"].split("@")[0] for finding in told["findings"]} == {"metrics"}


def test_a_broken_case_is_told_by_parts_too(tmp_path: Path) -> None:
    assert "case.json" in json.loads(run_combinations_by_name(str(tmp_path), asked=(), whole=False))["error"]


def test_the_command_runs_every_combination_over_cases_in_one_go(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "app.main", "eval", str(tmp_path / "cases"), "--out", str(out), "--ablation", "--json"]
    command += ["--workers", "1", "--truth", str(tmp_path / "truth")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["cases"] == 1
    assert len(told["combinations"]) == 14
    assert {row["parts"]: row["sources"]["s"]["target@1"][0] for row in told["combinations"]}["deploys+logs+metrics"] == 1.0
    assert json.loads(out.read_text())["schema"] == "eval-ablation/1"
