"""Every recorded public incident beside the project is answered, alike under whatever name, and nothing else is read."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.connectors.case import find_cases
from app.main import run_case_by_name

SCHEMA = Path(__file__).resolve().parents[2] / "app" / "evaluation" / "triage-result.schema.json"
TIMEOUT_S = 900


def answered(folders: list[Path]) -> list[dict[str, Any]]:
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        return [json.loads(line) for line in pool.map(run_case_by_name, map(str, folders), chunksize=4)]


def firstmate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.main", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.mark.shared
@pytest.mark.timeout(TIMEOUT_S)
def test_every_case_is_answered_in_the_format_that_is_promised(cases: Path) -> None:
    folders = [found for each in sorted(cases.iterdir()) if each.is_dir() and each.name != "truth" for found in find_cases(each)]
    assert folders
    check = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for folder, result in zip(folders, answered(folders), strict=True):
        case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        assert "error" not in result, f"{folder.name}: {result}"
        problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in check.iter_errors(result)]
        assert problems == [], f"{folder.name}: {problems}"
        assert result["case"] == case["id"]
        numbers = {finding["id"] for finding in result["findings"]}
        for hypothesis in result["hypotheses"]:
            assert {*hypothesis["for"], *hypothesis["against"]} <= numbers
            assert not case["candidates"] or hypothesis["target"] in case["candidates"]
            for key in ("label", "remediation"):
                allowed = (case.get("answers") or {}).get(key)
                assert hypothesis[key] is None or (allowed and hypothesis[key] in allowed), f"{folder.name}: {key}"
        confidences = [hypothesis["confidence"] for hypothesis in result["hypotheses"]]
        assert confidences == sorted(confidences, reverse=True)
        assert sum(confidences) <= 1


@pytest.mark.shared
@pytest.mark.timeout(TIMEOUT_S)
def test_the_answer_is_the_same_under_another_name_without_the_id(cases: Path, tmp_path: Path) -> None:
    originals, copies = [], []
    for source in sorted(each for each in cases.iterdir() if each.is_dir() and each.name != "truth"):
        found = find_cases(source)
        for folder in (found[0], found[len(found) // 2], found[-1]):
            copy = tmp_path / f"x{len(copies)}" / f"renamed-{len(copies)}"
            shutil.copytree(folder, copy)
            body = json.loads((copy / "case.json").read_text(encoding="utf-8"))
            body.pop("id")
            (copy / "case.json").write_text(json.dumps(body), encoding="utf-8")
            originals.append(folder)
            copies.append(copy)
    for copy, before, after in zip(copies, answered(originals), answered(copies), strict=True):
        assert after["case"] == copy.name
        for result in (before, after):
            del result["case"], result["elapsed_s"]
        assert before == after, copy


OPENED = re.compile(r'open(?:at)?\((?:AT_FDCWD|\d+[^,]*), "([^"]*)"(?:.*)\) = (-?\d+)')


@pytest.mark.shared
@pytest.mark.timeout(TIMEOUT_S)
def test_nothing_outside_the_case_s_folder_is_read(cases: Path, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed, so what is opened cannot be watched")
    project = Path(__file__).resolve().parents[2]
    for number, source in enumerate(sorted(each for each in cases.iterdir() if each.is_dir() and each.name != "truth")):
        case = tmp_path / f"case-{number}"
        shutil.copytree(find_cases(source)[0], case)
        log = tmp_path / f"strace-{number}.txt"
        done = subprocess.run(
            [
                "strace",
                "-f",
                "-qq",
                "-e",
                "trace=open,openat",
                "-o",
                str(log),
                sys.executable,
                "-m",
                "app.main",
                "triage",
                "--case",
                str(case),
                "--json",
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            cwd=project,
        )
        if done.returncode != 0 and "ptrace" in done.stderr.lower():
            pytest.skip("strace may not watch processes here")
        assert done.returncode == 0, done.stderr
        own = (case, project / "app", project / "graphs", project / "runbooks", Path(sys.prefix), Path(sys.base_prefix))
        system = tuple(map(Path, ("/lib", "/lib64", "/usr", "/etc", "/proc", "/sys", "/dev")))
        allowed = (*own, *(each.resolve() for each in own), *system)
        seen = [m for line in log.read_text(errors="replace").splitlines() if (m := OPENED.search(line))]
        opened = {(project / m[1]).resolve() for m in seen if int(m[2]) >= 0}
        assert any(case in each.parents for each in opened)
        # The folder that Python is started in is listed to find modules, and the project's own description is read by no one.
        strange = {each for each in opened if not any(each == a or a in each.parents for a in allowed)} - {project}
        assert strange == set()


def whole(folder: Path) -> None:
    """A small case that is sound, to be broken in one place."""
    folder.mkdir()
    case = {
        "schema": "incident-case/1",
        "id": "made-up",
        "alert": {"fired_at": "2026-03-01T12:00:00Z", "summary": "front page is slow", "service": "front", "severity": "page"},
        "window": {"start": "2026-03-01T11:50:00Z", "end": "2026-03-01T12:05:00Z"},
        "candidates": ["front", "back"],
        "answers": {},
        "files": ["metrics.csv", "logs.jsonl"],
        "notes": [],
    }
    (folder / "case.json").write_text(json.dumps(case), encoding="utf-8")
    rows = ["phase,time,front|latency,back|errors"]
    rows += [f"reference,{1772364000 + 10 * n},0.1,0.0" for n in range(60)]
    rows += [f"incident,{1772365800 + 10 * n},{0.1 + 0.01 * n:.2f},{0.02 * n:.2f}" for n in range(60)]
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    line = {"phase": "incident", "time": 1772366340, "service": "back", "level": "error", "msg": "it broke"}
    (folder / "logs.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")


def edited(folder: Path, **fields: Any) -> None:
    body = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    (folder / "case.json").write_text(json.dumps({**body, **fields}), encoding="utf-8")


def leads_out(folder: Path) -> None:
    secret = folder.parent / "secret.csv"
    secret.write_text("phase,time,front|latency\nincident,1772365800,1\n", encoding="utf-8")
    (folder / "metrics.csv").unlink()
    (folder / "metrics.csv").symlink_to(secret)


def cut_short(folder: Path) -> None:
    packed = gzip.compress((folder / "metrics.csv").read_bytes())
    (folder / "metrics.csv").unlink()
    (folder / "metrics.csv.gz").write_bytes(packed[: len(packed) // 2])


def nan(folder: Path) -> None:
    text = (folder / "case.json").read_text(encoding="utf-8")
    (folder / "case.json").write_text(text.replace('"notes": []', '"notes": [], "alert_value": NaN'), encoding="utf-8")


BROKEN: dict[str, Callable[[Path], Any]] = {
    "no case.json": lambda folder: (folder / "case.json").unlink(),
    "no folder": shutil.rmtree,
    "bad JSON": lambda folder: (folder / "case.json").write_text('{"schema": ', encoding="utf-8"),
    "not an object": lambda folder: (folder / "case.json").write_text("[]", encoding="utf-8"),
    "not UTF-8": lambda folder: (folder / "case.json").write_bytes(b'{"schema": "\xff"}'),
    "depth": lambda folder: (folder / "case.json").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8"),
    "a file where the folder should be": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "another schema": lambda folder: edited(folder, schema="incident-case/9"),
    "no alert": lambda folder: edited(folder, alert=None),
    "an alert whose moment is none": lambda folder: edited(folder, alert={"summary": "x", "fired_at": "yesterday"}),
    "candidates of the wrong type": lambda folder: edited(folder, candidates={"front": 1}),
    "a window that ends before it starts": lambda folder: edited(
        folder, window={"start": "2026-03-01T12:05:00Z", "end": "2026-03-01T11:50:00Z"}
    ),
    "a window of the wrong type": lambda folder: edited(folder, window=[1, 2]),
    "NaN": nan,
    "a link that leads out": leads_out,
    "a file cut short": cut_short,
}
SAID = {"a link that leads out": None, "a file cut short": None, "NaN": None}
"""Broken beside `case.json`: either a refusal, or an answer that names the gap; never a traceback, never what lies outside."""


def test_the_case_that_is_broken_below_is_sound(tmp_path: Path) -> None:
    whole(tmp_path / "case")
    done = firstmate("triage", "--case", str(tmp_path / "case"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["case"] == "made-up"


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_case_is_one_sentence_and_exit_code_2(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    whole(folder)
    BROKEN[how](folder)
    done = firstmate("triage", "--case", str(folder), "--json")
    assert "Traceback" not in done.stderr + done.stdout
    if how in SAID and done.returncode == 0:
        result = json.loads(done.stdout)
        assert any("metrics" in gap for gap in result["gaps"]) or how == "NaN", result["gaps"]
        return
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("firstmate: ")
    assert len(said[0]) > 30
