"""A series small enough to look at."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def downsample(
    times: NDArray[np.float64], values: NDArray[np.float64], points: int = 40
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """At most `points` samples, oldest first, without NaN. Each bucket shows its value furthest from the series' median:
    a short spike must survive."""
    kept = np.isfinite(values) & np.isfinite(times)
    times, values = times[kept], values[kept]
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if len(values) > points:
        far = np.abs(values - np.median(values))
        edges = np.linspace(0, len(values), points + 1).astype(int)
        chosen = [start + int(np.argmax(far[start:end])) for start, end in pairwise(edges)]
        times, values = times[chosen], values[chosen]
    return tuple(float(f"{t:.3f}") for t in times), tuple(float(f"{v:.6g}") for v in values)
