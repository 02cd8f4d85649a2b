"""What importing the definitions costs beyond importing Dagster.

python -m benchmarks.import_time [--rounds 5]
"""

import argparse
import statistics
import subprocess
import sys

PROGRAM = (
    "import time; t = time.perf_counter(); import dagster; d = time.perf_counter() - t; "
    "t = time.perf_counter(); import tpch_assets.definitions; print(d, time.perf_counter() - t)"
)


def main() -> None:
    """Import in fresh processes and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    lines = [subprocess.check_output([sys.executable, "-c", PROGRAM], text=True).split() for _ in range(rounds)]
    dagster, ours = (statistics.median(float(line[i]) for line in lines) for i in (0, 1))
    print(f"import dagster: {dagster:.2f} s; tpch_assets.definitions beyond it: {ours:.2f} s (medians of {rounds})")


if __name__ == "__main__":
    main()
