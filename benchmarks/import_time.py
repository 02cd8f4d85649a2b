"""What loading the code location costs: importing Dagster, importing the definitions beyond it, and the code server.

Seconds of wall time, and of a processor: Dagster Cloud gives a serverless code location a quarter of one, so there the
second figure times four is what it takes. As on every start but the first, all modules are compiled already.

python -m benchmarks.import_time [--rounds 5]
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

CLOCKS = "import time; now = lambda: (time.perf_counter(), time.process_time())"
PROGRAM = (
    f"{CLOCKS}; a = now(); import dagster; b = now(); import tpch_assets.definitions; c = now(); print(*a, *b, *c)"
)
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
DAGSTER = str(Path(sys.executable).with_name("dagster"))


def imports() -> list[float]:
    """Wall and processor seconds of importing Dagster, then of the definitions beyond it, in a fresh process."""
    a, a_cpu, b, b_cpu, c, c_cpu = map(
        float, subprocess.check_output([sys.executable, "-c", PROGRAM], env=COMPILED).split()
    )
    return [b - a, b_cpu - a_cpu, c - b, c_cpu - b_cpu]


def server() -> list[float]:
    """Wall and processor seconds from the start of a code server until it serves the location."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    begin = time.perf_counter()
    process = psutil.Popen(
        [DAGSTER, "api", "grpc", "--module-name", "tpch_assets.definitions", *where],
        stdout=subprocess.DEVNULL,
        env=COMPILED,
    )
    try:
        while not _serves(port):
            if process.poll() is not None:
                raise SystemExit("The code server ended; its error is above.")
            time.sleep(0.01)
        used = process.cpu_times()
        return [time.perf_counter() - begin, used.user + used.system]
    finally:
        process.terminate()
        process.wait(10)


def _serves(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Measure in fresh processes and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    imports()  # the first one compiles
    found = [[*imports(), *server()] for _ in range(rounds)]
    medians = [statistics.median(column) for column in zip(*found, strict=True)]
    print(f"{'':40} {'wall':>8} {'processor':>10}   (seconds, medians of {rounds})")
    for i, what in enumerate(
        ("import dagster", "tpch_assets.definitions beyond it", "code server, from start to serving")
    ):
        print(f"{what:40} {medians[2 * i]:8.2f} {medians[2 * i + 1]:10.2f}")


if __name__ == "__main__":
    main()
