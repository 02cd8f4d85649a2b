"""The panel of run durations: how long each run took that made the chosen table."""

import pandas as pd

from dashboards import charts
from dashboards.page import place, put
from dashboards.runs import Run, Runs

RUNS = Runs()


class Durations:
    """Hidden where Dagster's storage is not here, or knows no run of the table."""

    def __init__(self) -> None:
        self.view = place()
        self.view.visible = False
        self.chart: charts.Chart | None = None
        self._told: tuple[str, str, Run | None] | None = None

    def show(self, layer: str, name: str) -> None:
        runs = RUNS.of(layer, name)
        told = (layer, name, runs[-1] if runs else None)
        if told == self._told:
            return
        self._told = told
        if not runs:
            self.chart = None
            put(self.view, None)
            return
        times = pd.DatetimeIndex([run.ended for run in runs], tz="UTC").tz_localize(None)
        data = {"time": times.to_numpy(), "value": [run.seconds for run in runs]}
        if self.chart is None or not self.chart.update(data, (layer, name)):
            title = "Seconds of each run"
            self.chart = charts.over_time(title, None, data, colour=3, of=(layer, name))
            put(self.view, self.chart)
