"""A form of a model's features, and what the model's server predicts for it."""

import math

import panel as pn

from dashboards.charts.looks import Look
from dashboards.pages.markup import cards, css, escape
from dashboards.pages.parts import block, choices_row, column, select
from dashboards.store.models import ModelVersion
from dashboards.store.predictions import Prediction, predict, url
from tpch_assets.models.features import Feature

NONE = "—"
"""The choice of no value, where a feature may have none."""


class WhatIf:
    """The form of one session."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self.heading, self.row, self.answer = block(), choices_row(), block()
        self.fields: dict[str, pn.widgets.Select | pn.widgets.TextInput] = {}
        self.button = pn.widgets.Button(
            label="Predict", css_classes=["solid"], width=150, margin=(4, 0, 8, 0), stylesheets=[css("button")]
        )
        self.button.on_click(self._ask)
        self.view = column(self.heading, self.row, self.button, self.answer)
        self._version: ModelVersion | None = None
        self._offered: dict[str, str] = {}
        self._asking = False

    def show(self, version: ModelVersion) -> None:
        """Offer the features of a version. Fields that stay keep what somebody wrote."""
        if version == self._version:
            return
        before = self._version
        self._version = version
        usual = any(feature.typical is not None for feature in version.features)
        begin = "The form begins with a usual case: change it, and ask" if usual else "Describe a case, and ask"
        self.heading.html = f"<h2>What if</h2><p>{begin} the model's server at <code>{escape(url())}</code>.</p>"
        if before is None or before.features != version.features:
            written = {n: field.value for n, field in self.fields.items() if field.value != self._offered[n]}
            self.fields = {feature.name: _field(feature, self._look) for feature in version.features}
            self._offered = {name: str(field.value) for name, field in self.fields.items()}
            for name, field in self.fields.items():
                if name in written and (not isinstance(field, pn.widgets.Select) or written[name] in field.values):
                    field.value = written[name]
            self.row[:] = list(self.fields.values())
            self.answer.html = ""

    def record(self) -> dict[str, object]:
        """What is written, as the server takes it. What is no number goes as it is: the server says so best."""
        assert self._version is not None
        return {
            feature.name: value
            for feature in self._version.features
            if (value := _value(feature, str(self.fields[feature.name].value))) is not None
        }

    async def _ask(self, _: object) -> None:
        if self._version is None or self._asking:
            return
        self._asking = True  # A button that is disabled meanwhile would lose the keyboard's focus.
        try:
            self.answer.html = told(await predict(self._version.model, self.record()), self._version, self._look)
        finally:
            self._asking = False


def told(found: Prediction, version: ModelVersion, look: Look) -> str:
    """A prediction in words, as HTML."""
    if found.probability is None:
        problems = "".join(
            f"<li><strong>{escape(look.label(field))}</strong> {escape(message)}</li>"
            for field, message in found.problems
        )
        return f'<div class="banner error" role="status"><p>{escape(found.trouble)}</p><ul>{problems}</ul></div>'
    decision = f"decision: {'yes' if found.decision else 'no'}, since it is yes from {version.threshold:.0%} on"
    shown = cards([("Probability", f"{found.probability * 100:.1f} %", f"{decision}; by version {found.version}")])
    return f'<div role="status">{shown}</div>'


def _field(feature: Feature, look: Look) -> pn.widgets.Select | pn.widgets.TextInput:
    name = look.label(feature.name)
    if feature.kind == "category":
        offered = [*([NONE] if feature.nullable else []), *feature.categories]
        return select(name, offered, feature.typical if feature.typical in offered else next(iter(offered), ""))
    value = feature.typical
    return pn.widgets.TextInput(
        label=name,
        value=f"{value:.12g}" if isinstance(value, float | int) else value or "",
        placeholder="2026-01-31" if feature.kind == "date" else "a number",
        max_length=40,
        margin=(0, 12, 4, 0),
        sizing_mode="stretch_width",
        max_width=220,
        styles={"flex": "1 1 160px"},
        stylesheets=[css("parts")],
    )


def _value(feature: Feature, text: str) -> object:
    if text.strip() in ("", NONE):
        return None
    if feature.kind != "number":
        return text.strip()
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return text
    return number if math.isfinite(number) else text
