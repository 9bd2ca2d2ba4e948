"""BARO over series in memory; runs in `.venv-bench`, which knows nothing of the project.

`theirs_series.py CASES.npz [--scorer]`: arrays `times`, `onset` and `values_0`, `values_1`, … (samples by series) of as many
cases. Its change-point step and then its scorer, or with `--scorer` the scorer alone, told the onset. Prints
{"seconds": …, "ranks": [the series of each case, most suspicious first]}.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
from baro.anomaly_detection import bocpd
from baro.root_cause_analysis import robust_scorer


def main() -> None:
    held = np.load(sys.argv[1])
    cases = [held[name] for name in sorted((n for n in held.files if n.startswith("values_")), key=lambda n: int(n[7:]))]
    frames = []
    for values in cases:
        frame = pd.DataFrame(values, columns=[f"s{i}" for i in range(values.shape[1])]).ffill().bfill()
        frame.insert(0, "time", held["times"])
        frames.append(frame)
    started = time.perf_counter()
    ranks = []
    for frame in frames:
        if "--scorer" in sys.argv:
            found = robust_scorer(frame, inject_time=float(held["onset"]))
        else:
            moments = bocpd(frame.drop(columns="time"))
            found = robust_scorer(frame, anomalies=moments or [len(frame) // 2])
        ranks.append([int(name[1:]) for name in found["ranks"] if name != "time"])
    print(json.dumps({"seconds": time.perf_counter() - started, "ranks": ranks}))


if __name__ == "__main__":
    main()
