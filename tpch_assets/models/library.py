"""Loads XGBoost, lazily and so that its threads sleep while they wait for each other.

OpenMP's threads spin by default: on a busy machine, two of them took five times the CPU of one, and six times as long
as they do now. The setting is read when the library is loaded.
"""

import os
from types import ModuleType


def xgboost() -> ModuleType:
    """The library."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import xgboost

    return xgboost
