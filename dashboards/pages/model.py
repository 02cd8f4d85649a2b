"""The model page: how good a model is over the days, beside its baselines, what it looks at, and which version serves.

It works for any model. The form that asks the model's server is in `what_if`.
"""

from collections.abc import Mapping
from math import isnan

import pandas as pd
import panel as pn

from dashboards.bokeh_private import draw_at_once
from dashboards.charts.chart import Chart
from dashboards.charts.figures import SHARE, short
from dashboards.charts.history import History
from dashboards.charts.labels import label
from dashboards.charts.looks import Look
from dashboards.charts.results import Results
from dashboards.charts.views import View
from dashboards.pages.markup import cards, escape, in_dagster, sentence, table
from dashboards.pages.page import Page
from dashboards.pages.parts import block, choices_row, column, grid, pane, place, replace_chart, select
from dashboards.pages.url import Location
from dashboards.pages.what_if import WhatIf
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.models import COMPARED, ModelVersion, champion_of, over_days, versions
from dashboards.store.store import Store

FIGURES = {
    "auc": ("AUC", "higher is better; 0.5 is chance"),
    "log_loss": ("Log loss", "lower is better"),
    "calibration_error": ("Calibration error", "lower is better"),
    "accuracy": ("Accuracy", "higher is better"),
}
"""The figures of a model: their names, and which way is better."""
UNITS = {"calibration_error": SHARE, "accuracy": SHARE}
STATES = {"champion": "green", "challenger": "none", "kept back": "amber"}
LISTED = 30
CALIBRATION = View(
    "lines", "Calibration: how often it came true", x=("predicted",), y="share", by="what", unit=SHARE, total="none"
)
IMPORTANCE = View("bars", "Which features matter", x=("feature",), y="share", top=20, unit=SHARE)


class Model(Page):
    """People choose the model, if there are several, and the figure that is followed."""

    path, name = "/model", "Model"

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        names = list(business.models())
        options = {label(name): name for name in names}
        self.model = select("Model", options, self.url.get("model", names, names[0] if names else ""), 380)
        self.model.visible = len(names) > 1
        figures = {name: key for key, (name, _) in FIGURES.items()}
        self.figure = select("Figure over the days", figures, self.url.get("figure", list(FIGURES), "auc"))
        self.heading, self.none, self.cards, self.table = block(), block(), block(), block()
        self.history_place, self.calibration, self.importance = place(), place(), place()
        self.history, self.results, self.what_if = History(), Results(), WhatIf(self.look)
        self._charts: dict[str, Chart | None] = {}
        self._drawn: tuple[object, ...] | None = None
        self.figure.margin = (8, 12, 4, 0)
        follow = column(choices_row(self.figure), self.history_place)
        self.champion = column(
            self.cards,
            grid((follow, 6), (self.calibration, 6)),
            grid((self.what_if.view, 6), (self.importance, 6)),
        )
        self.body[:] = [choices_row(self.model), self.heading, self.none, self.champion, self.table]
        self.follow_choices(self.model, self.figure)

    @classmethod
    def offered(cls) -> bool:
        return bool(business.models())

    def ready(self) -> bool:
        return bool(self.store.tables) or self.store.registry is not None

    def choices(self) -> dict[str, str | None]:
        model = self.model.value if self.model.visible else None
        return {"model": model, "figure": self.figure.value}

    def read_choices(self) -> None:
        self.model.value = self.url.get("model", list(business.models()), self.model.value)
        self.figure.value = self.url.get("figure", list(FIGURES), self.figure.value)

    def show(self) -> None:
        name, source = self.model.value, self.store.registry
        now = (name, self.figure.value, source.id if source else None, source.version if source else None)
        if now == self._drawn:
            return
        found = versions(self.store, name)
        best = champion_of(found)
        self.heading.html = f"<h2>{escape(label(name))}</h2>{_sentence(best)}"
        self.none.html = "" if found else sentence(_none(name))
        self.none.visible, self.champion.visible = not found, best is not None
        self.table.html = _versions(found) if found else ""
        with draw_at_once(pn.state.curdoc):
            self._show_history(found)
            if best is not None:
                self._show_champion(best)
        if source is not None and found:
            asset = in_dagster(self.settings.dagster_url, f"gold/{name}")
            self.name_data(found[-1].day, f"version <strong>{source.version}</strong> of gold/models, made by {asset}")
        else:
            self.as_of = ""
        self._drawn = now

    def _show_history(self, found: list[ModelVersion]) -> None:
        title, _ = FIGURES[self.figure.value]
        rows = over_days(found, self.figure.value)
        if not rows.empty:
            unit = UNITS.get(self.figure.value, "")
            heading = f"{title} over {len(rows)} day{'s' * (len(rows) != 1)}"
            self.history.draw(heading, rows, unit=unit, from_zero=self.figure.value != "auc")
            if not len(self.history_place):
                self.history_place[:] = [pane(self.history.plot)]
        self.history_place.visible = not rows.empty

    def _show_champion(self, best: ModelVersion) -> None:
        self.cards.html = _figures(best)
        bins = pd.DataFrame(
            [(one.predicted, one.observed, "Came true") for one in best.calibration]
            + [(one.predicted, one.predicted, "As predicted") for one in best.calibration],
            columns=["predicted", "share", "what"],
        )
        self._draw(self.calibration, CALIBRATION, bins)
        shares = pd.DataFrame(
            [(self.look.label(name), share) for name, share in best.importances.items()], columns=["feature", "share"]
        )
        self._draw(self.importance, IMPORTANCE, shares)
        self.what_if.show(best)

    def _draw(self, where: pn.Column, view: View, rows: pd.DataFrame) -> None:
        """Draw rows in their place. A plot that is there already is filled anew, and stays where it is."""
        chart = None if rows.empty else self.results.draw(view, rows, new=False)
        if chart is not self._charts.get(view.title):
            replace_chart(where, chart)
        self._charts[view.title] = chart


def _sentence(best: ModelVersion | None) -> str:
    if best is None:
        return ""
    rows = best.metrics.get("rows")
    judged = f", judged on {short(rows)} rows that it had not seen" if rows else ""
    return f"<p>Champion: version <strong>{escape(best.version)}</strong>{judged}.</p>"


def _none(name: str) -> str:
    return (
        f"No version of {label(name)} yet. It is trained together with gold, once silver holds enough whole days: "
        "materialize its day, or run tpch-assets replay."
    )


def _figures(best: ModelVersion) -> str:
    items = []
    for key, (title, better) in FIGURES.items():
        if key not in best.metrics:
            continue
        others = [
            f"{name} {_shown(figures, key)}"
            for name, figures in best.baselines.items()
            if name != COMPARED and key in figures
        ]
        items.append((title, _shown(best.metrics, key), f"{', '.join(others)}; {better}".lstrip("; ")))
    return cards(items)


def _versions(found: list[ModelVersion]) -> str:
    lines = [
        [
            escape(one.day),
            f"<code>{escape(one.version)}</code>",
            f'<span class="state {STATES[one.status]}">{escape(one.status)}</span>',
            *(_shown(one.metrics, key) for key in FIGURES),
            f'<div class="wrap">{escape(one.reason)}</div>',
        ]
        for one in found[: -LISTED - 1 : -1]
    ]
    headings = ["Day", "Version", "Status", *(name for name, _ in FIGURES.values()), "Why it does not serve"]
    return "<h2>Versions</h2>" + table(headings, lines, "Champion, challengers and versions that were kept back")


def _shown(figures: Mapping[str, float], key: str) -> str:
    """A figure to three digits; a share in percent."""
    value = figures.get(key)
    if value is None or isnan(value):
        return "—"
    return f"{value * 100:.1f} %" if UNITS.get(key) == SHARE else f"{value:.3f}"
