"""The kinds of work, each with a cluster of its own where clusters are paid for, and the layers they make."""

from typing import Literal

Work = Literal["batches", "queries"]  # Little and often, or much at once.
LAYERS: dict[Work, tuple[str, str]] = {"batches": ("raw", "bronze"), "queries": ("silver", "gold")}


def work_of(layer: str) -> Work | None:
    """The kind of work that makes a layer; None for what is done in the process itself."""
    return next((work for work, layers in LAYERS.items() if layer in layers), None)
