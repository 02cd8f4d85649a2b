"""The seed of the chaos suite: printed, and settable by CHAOS_SEED."""

import os
import random

import pytest

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**9))


def pytest_report_header() -> str:
    return f"chaos: CHAOS_SEED={SEED}"


@pytest.fixture
def seed() -> int:
    print(f"CHAOS_SEED={SEED}")  # noqa: T201 (pytest shows it when a test fails)
    return SEED
