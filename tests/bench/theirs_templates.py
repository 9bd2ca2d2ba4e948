"""Drain3 over lines in memory; runs in `.venv-bench`, which knows nothing of the project.

`theirs_templates.py LINES.json`: a list of strings; prints {"seconds": …, "processor_s": …, "groups": [cluster of each line]},
the faster of two runs.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

# The masks and settings of the example that its documentation gives.
_EDGES = r"((?<=[^A-Za-z0-9])|^)", r"((?=[^A-Za-z0-9])|$)"
MASKS = (
    (r"(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))", "ID"),
    (r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})", "IP"),
    (r"([0-9a-f]{6,} ?){3,}", "SEQ"),
    (r"([0-9A-F]{4} ?){4,}", "SEQ"),
    (r"(0x[a-f0-9A-F]+)", "HEX"),
    (r"([\-\+]?\d+)", "NUM"),
)


def main() -> None:
    lines = json.loads(Path(sys.argv[1]).read_bytes())
    config = TemplateMinerConfig()
    config.drain_sim_th, config.drain_depth, config.drain_max_children, config.drain_max_clusters = 0.4, 4, 100, 1024
    config.drain_extra_delimiters = ["_"]
    config.masking_instructions = [MaskingInstruction(_EDGES[0] + pattern + _EDGES[1], name) for pattern, name in MASKS]
    runs = []
    for _ in range(2):
        miner = TemplateMiner(config=config)
        started, used = time.perf_counter(), time.process_time()
        groups = [miner.add_log_message(line)["cluster_id"] for line in lines]
        runs.append((time.perf_counter() - started, time.process_time() - used))
    seconds, cpu = (min(run[i] for run in runs) for i in (0, 1))
    print(json.dumps({"seconds": seconds, "processor_s": cpu, "groups": groups}))


if __name__ == "__main__":
    main()
