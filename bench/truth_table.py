"""Truth under bad data: eight kinds of it, each against a plain loop over the sorted readings. JSON on standard output.

The oracle knows nothing of the engine; the product side is the ingest process's path from the join to the transitions.
Every count but `expected`, `readings`, `amended` and `refused` should be 0.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict

from shouwang.engines.rules import tiers
from shouwang.engines.rules.tests import truth


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3, help="how many different streams of each kind")
    seeds = options.parse_args().seeds
    began = time.perf_counter()
    rows = [{"seed": seed, **asdict(truth.judge(name, seed))} for name in truth.CASES for seed in range(1, seeds + 1)]
    wrong = sum(r[k] for r in rows for k in ("missed", "false", "doubled", "early_cleared", "differing"))
    json.dump({"compiled": tiers.COMPILED, "seconds": round(time.perf_counter() - began, 1), "wrong": wrong,
               "rows": rows}, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
