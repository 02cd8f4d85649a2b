"""kill -9 at points of a day: what comes out is the same. A few in every test run, 200 in `make chaos`."""

import json
import os
import subprocess
import sys

import pytest

from tpch_assets.settings import PROJECT
from tpch_assets_tests.chaos.killing import POINTS

MANY = 200


@pytest.mark.parametrize("kills", [10, pytest.param(MANY, marks=pytest.mark.chaos)])
def test_a_day_goes_on_wherever_its_processes_are_killed(kills: int, seed: int) -> None:
    command = [sys.executable, "-m", "tpch_assets_tests.chaos.killing", "--kills", str(kills), "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert sum(told["killed"].values()) == kills and not told["wrong"]
    if kills == MANY:
        places = ["source:", "bronze:", "silver:", "gold:", "maintenance:", "right after publish", "right after commit"]
        assert not [place for place in (*places, *POINTS) if place not in " ".join(told["killed"])], told
