"""Panels of the pipeline page, beside the charts of the chosen table.

What a panel draws does not belong here: each has a module of its own, such as `durations`.
"""

from collections.abc import Callable
from typing import Protocol

import panel as pn

from dashboards.pages.durations import Durations


class Panel(Protocol):
    """One panel of one session."""

    @property
    def view(self) -> pn.viewable.Viewable:
        """What stands on the page. Hidden while it is empty."""

    def show(self, layer: str, name: str) -> None:
        """Draw what belongs to a table. Called after every poll: do not wait, and draw nothing that did not change."""


PANELS: list[Callable[[], Panel]] = [Durations]
"""Makes each panel, in their order on the page. To add a panel, write a module and name its class here."""
