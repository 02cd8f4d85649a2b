"""Some days of the simulator: a seed by chance, which is printed, and the checker that would notice."""

import os
import random
import subprocess
import sys
from decimal import Decimal

import pytest

from tpch_assets.settings import PROJECT
from tpch_assets_tests.chaos.answers import RULES
from tpch_assets_tests.chaos.checker import Delivered, Held, Row, differences

DAYS = 6


def test_days_of_faults_keep_every_promise() -> None:
    seed = random.randrange(1_000_000)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "tpch_assets_tests.chaos.simulator", "--days", str(DAYS), "--first", str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "death" in done.stdout or "lost" in done.stdout


def delivered() -> dict[str, Delivered]:
    found = Delivered(RULES["sales"])
    lines = b'{"sale": 1, "customer": 2, "total": 1.5}\n{"sale": 1, "customer": 3, "total": 2}\n{"sale": true}\n'
    found.deliver("2024-01-01T0000", "a.json", lines)
    return {"sales": found}


ROW: Row = {"sale": 1, "customer": 3, "total": Decimal(2)}


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (Held(2, 0, [ROW]), "3 lines, but 2 rows and 0 rejects"),
        (Held(3, 0, [ROW]), "bronze has 3 rows, not 2"),
        (Held(2, 1, []), "is lost"),
        (Held(2, 1, [ROW, ROW]), "twice"),
        (Held(2, 1, [ROW, {**ROW, "sale": 2}]), "never delivered"),
        (Held(2, 1, [{**ROW, "customer": 2}]), "instead of"),
    ],
)
def test_the_checker_notices(held: Held, words: str) -> None:
    (said, *_) = differences(delivered(), {"sales": held})
    assert words in said


def test_the_checker_has_nothing_to_say_of_what_is_right() -> None:
    assert differences(delivered(), {"sales": Held(2, 1, [ROW])}) == []
