"""Records the cases in this folder anew: `python -m tests.cases.record [FOLDER]`, a minute each, on a machine with little to do.

Each is what `firstmate demo --keep` writes, packed and not edited: the incident as `FOLDER/<its id>/`, what was true as
`FOLDER/truth/shop/<its id>.json`. The names that a case goes by say when it was recorded, and nothing about what was wrong.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE_S = 600


def _named(**new: str) -> str:
    return " ".join(f"--rename {old}={name}" for old, name in new.items())


STATION = _named(
    storefront="kiosk", catalogue="timetable", cart="basket", checkout="tickets", payments="ledger", recommender="weather"
)
CLINIC = _named(
    storefront="portal", catalogue="records", cart="visits", checkout="billing", payments="insurer", recommender="advice"
)
LETTERS = _named(storefront="svc-c", catalogue="svc-a", cart="svc-e", checkout="svc-b", payments="svc-d", recommender="svc-f")

RECORDINGS = (
    "--fault pool --seed 11",
    f"--fault pool --seed 12 --shuffle-deploys --baseline 27 --crowd 1.3 {CLINIC}",
    "--fault n-plus-one --seed 13 --crowd 0.7",
    f"--fault n-plus-one --seed 14 --shuffle-deploys --baseline 35 {LETTERS}",
    "--fault leak --seed 15 --crowd 1.5",
    f"--fault leak --seed 16 --shuffle-deploys --baseline 31 --crowd 0.7 {STATION}",
    "--fault route-crash --seed 17 --baseline 21",
    f"--fault route-crash --seed 18 --shuffle-deploys --crowd 0.5 {CLINIC}",
    "--fault upstream-outage --seed 19 --crowd 1.6",
    f"--fault upstream-outage --seed 20 --shuffle-deploys --baseline 29 --crowd 0.6 {LETTERS}",
    "--fault timeout-cut --seed 21 --crowd 0.5 --baseline 41",
    f"--fault timeout-cut --seed 22 --shuffle-deploys --crowd 1.4 {STATION}",
    f"--fault pool --seed 23 --kill-scraper {LETTERS}",
    f"--fault upstream-outage --seed 24 --shuffle-deploys --kill-scraper {CLINIC}",
    "--rush --seed 25",
    f"--rush --seed 26 --shuffle-deploys --baseline 25 --crowd 0.8 {STATION}",
)
"""What `firstmate demo` was asked for: every fault twice or more; names, length and number of visitors varied; twice with
nobody to ask for metrics; twice without a fault."""


def record(order: str, folder: Path) -> Path:
    """One case. It is kept whether or not it was found out what was wrong."""
    with tempfile.TemporaryDirectory() as temporary:
        kept = Path(temporary) / "kept"
        command = [sys.executable, "-m", "app.main", "demo", "--yes", "--keep", str(kept), *order.split()]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, timeout=PATIENCE_S, check=False)
        (truth,) = (kept / "truth").iterdir()
        case = folder / truth.stem
        case.mkdir(parents=True)
        for file in sorted((kept / "case").iterdir()):
            if file.name == "case.json":
                shutil.copyfile(file, case / file.name)
            else:
                (case / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), compresslevel=9, mtime=0))
        (folder / "truth" / "shop").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(truth, folder / "truth" / "shop" / truth.name)
    return case


if __name__ == "__main__":
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for each in RECORDINGS:
        print(f"{record(each, into)}: {each}", flush=True)
