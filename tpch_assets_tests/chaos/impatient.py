"""The project's definitions with sensors that look every few seconds: a test cannot wait five minutes for each look."""

from typing import Any
from unittest.mock import patch

from tpch_assets.orchestration import schedules

SECONDS = 3
_sensor = schedules.layer_sensor


def _often(settings: Any, name: str, jobs: Any, seconds: int, *rest: Any) -> Any:
    return _sensor(settings, name, jobs, min(seconds, SECONDS), *rest)


with patch.object(schedules, "layer_sensor", _often):
    from tpch_assets.definitions import defs

__all__ = ["defs"]
