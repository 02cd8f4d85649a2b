"""The panel of run durations: how long each run took that made the chosen table.

Reading runs does not belong here, but in `store.runs`.
"""

import pandas as pd

from dashboards.charts.chart import Chart, Data, over_time
from dashboards.pages.parts import place, replace_chart
from dashboards.store.runs import Run, Runs

RUNS = Runs()


class Durations:
    """Hidden if Dagster's storage is elsewhere, or knows no run of the table."""

    def __init__(self) -> None:
        self.view = place()
        self.view.visible = False
        self.chart: Chart | None = None
        self._drawn: tuple[str, str, Run | None] | None = None

    def show(self, layer: str, name: str) -> None:
        """Draw the runs of a table."""
        runs = RUNS.of(layer, name)
        now = (layer, name, runs[-1] if runs else None)
        if now == self._drawn:
            return
        self._drawn = now
        if not runs:
            self.chart = None
            replace_chart(self.view, None)
            return
        times = pd.DatetimeIndex([run.ended for run in runs], tz="UTC").tz_localize(None)
        data: Data = {"time": times.to_numpy(), "value": [run.seconds for run in runs]}
        if self.chart is None or not self.chart.update(data, (layer, name)):
            self.chart = over_time("Seconds of each run", None, data, colour=3, of=(layer, name))
            replace_chart(self.view, self.chart)
