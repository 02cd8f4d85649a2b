"""What the model's server does in a second, with the load generator on the same machine.

    python -m benchmarks.serving [--lake lake] [--seconds 10] [--connections 16] [--swaps 100] [--requests 100000]

It serves a copy of a lake's champion, or else a made-up model of 20 features, and has `wrk` (Debian's package of that
name) ask for one prediction a request. With --swaps, new champions are registered meanwhile, each taken up before the
next. A request that fails makes the exit code 1.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import xgboost

from serving.records import example
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets.models.features import Feature, encoders, matrix, names, types
from tpch_assets.models.registry import ModelVersion
from tpch_assets.schema.models import Derived
from tpch_assets.settings import PROJECT, current_business

DAY = date(2026, 1, 1)
CATEGORIES = tuple(f"kind {number}" for number in range(12))
FEATURES = (
    *(Feature(f"number_{number}", "number") for number in range(12)),
    *(Feature(f"category_{number}", "category", CATEGORIES) for number in range(6)),
    *(Feature(name, "date") for name in ("begun", "promised")),
)
DERIVED = (Derived("days", "days between", ("promised", "begun"), ""), Derived("weekday", "weekday", ("begun",), ""))
SERVER = """
import sys
from serving.app import Follower, listening, run
from serving.registry import registry_of
from serving.settings import ServingSettings
from tpch_assets.settings import load_address
settings = load_address(ServingSettings, port=int(sys.argv[3]), poll_seconds=0.1)
run(Follower(registry_of(*sys.argv[1:3]), 0.1), settings, listening(settings))
"""


def main() -> None:
    """Serve, load, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", help="serve a copy of this lake's champion")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--swaps", type=int, default=0)
    parser.add_argument("--requests", type=int, default=100_000, help="the fewest requests while models are swapped")
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("serving: wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        lake, (version, content) = Lake(f"{folder}/lake"), _copied(chosen.lake) if chosen.lake else _made()
        register(lake, version, content)
        record = {feature.name: example(feature) for feature in version.features}
        with served(lake, version.model) as (url, process):
            wait_for(url, version.version)
            failed = measure(url, record, chosen.seconds, chosen.connections, process)
            if chosen.swaps:
                failed += swap(lake, version, content, url, record, chosen, process)
    sys.exit(1 if failed else 0)


def measure(url: str, record: dict[str, Any], seconds: int, connections: int, process: psutil.Process) -> int:
    """Print what the server does at most. Returns the number of failures."""
    load(url, record, 2, connections).communicate()  # The first requests find nothing warm.
    print(f"one record a request, {connections} connections; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    before = sum(process.cpu_times()[:2])
    found = figures(load(url, record, seconds, connections))
    cpu = (sum(process.cpu_times()[:2]) - before) / found["requests"] * 1e3
    print(
        f"predictions a second   {found['requests'] / found['seconds']:8,.0f}   {cpu:.2f} ms of the server's CPU each"
    )
    return told(found)


def swap(
    lake: Lake,
    first: ModelVersion,
    content: bytes,
    url: str,
    record: dict[str, Any],
    chosen: Any,
    process: psutil.Process,
) -> int:
    """Register champions under load, and print what that did to the requests. Returns the number of failures."""
    before, done, failures, swaps = process.memory_info().rss, 0, 0, 0
    while done < chosen.requests or swaps < chosen.swaps:
        asking = load(url, record, chosen.seconds, chosen.connections)
        while asking.poll() is None:
            if swaps < chosen.swaps:
                swaps += 1
                day = (DAY + timedelta(days=swaps)).isoformat()
                version = f"{day}-{swaps:06}"
                register(lake, replace(first, day=day, version=version, path=f"models/{version}.ubj"), content)
                wait_for(url, version)
            else:
                time.sleep(0.05)
        found = figures(asking)
        done, failures = done + int(found["requests"]), failures + int(found["failures"])
    grown = (process.memory_info().rss - before) / (1 << 20)
    print(f"{swaps} swaps under load: {done:,} requests, {failures} failures; the server grew by {grown:.0f} MiB")
    return failures + told(found)


def told(found: dict[str, float]) -> int:
    """Print the percentiles of one load."""
    times = "   ".join(f"{name} {found[name]:.1f}" for name in ("p50", "p95", "p99", "longest"))
    print(f"milliseconds           {times}   failures {found['failures']:.0f}")
    return int(found["failures"])


def load(url: str, record: dict[str, Any], seconds: int, connections: int) -> subprocess.Popen[str]:
    """Ask for predictions for so long, each connection as soon as it has its answer."""
    script = Path(__file__).with_suffix(".lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"{url}/predict"]
    return subprocess.Popen(
        command, env={**os.environ, "RECORD": json.dumps(record)}, stdout=subprocess.PIPE, text=True
    )


def figures(asking: subprocess.Popen[str]) -> dict[str, float]:
    """What wrk found."""
    said, _ = asking.communicate()
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


@contextmanager
def served(lake: Lake, model: str) -> Iterator[tuple[str, psutil.Process]]:
    """The server in a process of its own, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    there = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVER, lake.uri, model, str(port)]
    process = subprocess.Popen(command, cwd=PROJECT, env=there, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str, version: str, seconds: float = 60) -> None:
    """Wait until a version is in force."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", trust_env=False).json().get("version") == version:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.01)
    sys.exit(f"serving: version {version} is not in force after {seconds:g} seconds")


def register(lake: Lake, version: ModelVersion, content: bytes) -> None:
    """Make a version the champion."""
    lake.store.create(lake.path(version.path), content)
    registry.change(lake, version.model, lambda found: registry.succeeded(found, version))


def _copied(uri: str) -> tuple[ModelVersion, bytes]:
    lake, name = Lake(str(Path(uri).resolve()) if "://" not in uri else uri), current_business().models[0].name
    version = registry.champion(lake, name)
    content = lake.store.content(lake.path(version.path)) if version else None
    if version is None or content is None:
        sys.exit(f"serving: {uri} has no champion of {name}: run tpch-assets replay for a whole day first")
    return version, content


def _made() -> tuple[ModelVersion, bytes]:
    random = np.random.default_rng(0)
    rows = [{feature.name: _value(feature, random) for feature in FEATURES} for _ in range(5_000)]
    numbers = np.array([[e(row[f.name]) for f, e in zip(FEATURES, encoders(FEATURES), strict=True)] for row in rows])
    made = matrix(numbers, FEATURES, DERIVED)
    label = (made[:, 0] + random.random(len(made)) > 1).astype(np.float32)
    columns, kinds = names(FEATURES, DERIVED), types(FEATURES, DERIVED)
    data = xgboost.DMatrix(made, label, feature_names=columns, feature_types=kinds, enable_categorical=True)
    content = bytes(
        xgboost.train({"objective": "binary:logistic", "max_depth": 6, "seed": 1}, data, 60).save_raw("ubj")
    )
    version = ModelVersion(
        model="made_up",
        version="first",
        day=DAY.isoformat(),
        trained_at=datetime(2026, 1, 2, tzinfo=UTC),
        path="models/first.ubj",
        features=FEATURES,
        derived=DERIVED,
        metrics={},
        baselines={},
        importances={},
        calibration=(),
        threshold=0.5,
        inputs={},
        status="champion",
        reason="",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return version, content


def _value(feature: Feature, random: np.random.Generator) -> object:
    if feature.kind == "category":
        return CATEGORIES[random.integers(len(CATEGORIES))]
    return DAY + timedelta(days=int(random.integers(90))) if feature.kind == "date" else float(random.random())


if __name__ == "__main__":
    main()
