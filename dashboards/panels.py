"""Panels of the pipeline page: parts of it that a module of their own draws, beside the charts of the chosen table."""

from collections.abc import Callable
from typing import Protocol

import panel as pn

from dashboards.durations import Durations


class Panel(Protocol):
    """One panel of one session."""

    @property
    def view(self) -> pn.viewable.Viewable:
        """What stands on the page; not `visible` while there is nothing to tell."""

    def show(self, layer: str, name: str) -> None:
        """Draw what belongs to a table. Called after every poll: it must not wait, nor draw again what is the same."""


PANELS: list[Callable[[], Panel]] = [Durations]
"""What makes each panel, in their order on the page. To add one, write a module and name its class here."""
