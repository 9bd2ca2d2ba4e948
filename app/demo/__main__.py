"""`python -m app.demo --fault NAME --dir DIR --intake URL --token TOKEN`: runs the shop until it is told to stop."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# Plain HTTP on loopback only: asyncio takes TLS as optional, and without it the process is 4 MB smaller.
sys.modules["ssl"] = None  # type: ignore[assignment]  # None bars an import; the stubs know modules only

from app.demo import faults, names, shop  # noqa: E402 - only once ssl is barred


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m app.demo", description="A small shop of real processes in which one thing goes wrong."
    )
    parser.add_argument("--list", action="store_true", help="name the faults")
    parser.add_argument(
        "--fault", default="pool", choices=sorted(faults.FAULTS), metavar="NAME", help="what goes wrong (see --list)"
    )
    parser.add_argument("--rush", action="store_true", help="nothing goes wrong, but visitors rush in")
    parser.add_argument("--dir", type=Path, help="folder for logs, releases and flags")
    parser.add_argument("--intake", help="where changes and alerts are posted: http://127.0.0.1:PORT")
    parser.add_argument("--token", default=os.environ.get("SHOP_TOKEN"), help="bearer token of the intake; else $SHOP_TOKEN")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--baseline", type=float, default=shop.BASELINE_S, metavar="SECONDS", help="how long all is well first")
    parser.add_argument("--crowd", type=float, default=1.0, metavar="TIMES", help="how many times the usual number of visitors")
    parser.add_argument("--rename", nargs="*", action="extend", default=[], metavar="old=new")
    parser.add_argument("--shuffle-deploys", action="store_true")
    parser.add_argument("--parent", type=int, help="end when this process is gone; else whoever started it")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        for fault in faults.FAULTS.values():
            print(f"{fault.name:16}{fault.summary}")
        return 0
    if chosen.dir is None or chosen.intake is None or chosen.token is None:
        parser.error("--dir, --intake and --token are needed")
    try:
        renamed = names.Names.parse(chosen.rename)
    except ValueError as wrong:
        parser.error(str(wrong))
    order = shop.Order(
        fault=faults.RUSH if chosen.rush else faults.FAULTS[chosen.fault],
        folder=chosen.dir.resolve(),
        intake=chosen.intake,
        token=chosen.token,
        seed=chosen.seed,
        names=renamed,
        shuffle=chosen.shuffle_deploys,
        baseline_s=chosen.baseline,
        crowd=chosen.crowd,
        parent=chosen.parent,
    )
    return shop.run(order)


if __name__ == "__main__":
    raise SystemExit(main())
