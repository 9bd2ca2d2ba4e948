"""The environment of what we are measured against: made with pip on first use, kept until its requirements change."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
PLACE = HERE.parents[1] / ".venv-bench"


def environment() -> Path | None:
    """Its Python; None, with the reason printed, where it can't be made (no network, say)."""
    python, ready = PLACE / "bin" / "python", PLACE / ".ready"
    wanted = REQUIREMENTS.read_text()
    if python.exists() and ready.exists() and ready.read_text() == wanted:
        return python
    print(f"creating {PLACE.name} for what we are measured against (once)", file=sys.stderr)
    venv.create(PLACE, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{PLACE.name} could not be made, so only our own figures follow: {why}", file=sys.stderr)
        return None
    ready.write_text(wanted)
    return python


def run(command: list[str], *, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What a child process prints, one JSON object. Raises RuntimeError with the last of what it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=HERE.parents[1])
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-800:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
