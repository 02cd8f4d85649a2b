"""Panel's private or experimental API: all uses of it, what each one saves, and nothing else.

A test in tpch_assets_tests/dashboards/test_private.py fails for each if an upgrade of Panel changes it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import panel as pn
from bokeh.model import Model
from panel.io import hold


class Block(pn.pane.HTML):
    """HTML that changes alone. Panel sends the style sheets along, for which Bokeh lays out the whole page anew."""

    def _update(self, ref: str, model: Model) -> None:
        properties = self._get_properties(model.document)
        model.update(**{name: value for name, value in properties.items() if name != "stylesheets"})

    @property
    def html(self) -> str:
        return str(self.object)

    @html.setter
    def html(self, content: str) -> None:
        self.object = content


class Select(pn.widgets.Select):
    """A menu that answers at once. Panel waits 50 ms for further changes, which a menu does not have."""

    _debounce = 0


@contextmanager
def at_once() -> Iterator[None]:
    document = pn.state.curdoc
    if document is None:
        yield
        return
    with hold(document, freeze=True):
        yield
