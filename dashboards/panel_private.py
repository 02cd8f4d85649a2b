"""Panel's private and undocumented API: every use of it, with what it saves. Nothing else belongs here.

tpch_assets_tests/dashboards/test_private.py fails for each use that an upgrade of Panel breaks.
"""

import panel as pn
from bokeh.document import Document
from bokeh.model import Model
from panel.io.resources import LOCAL_DIST
from panel.reactive import Syncable

# If somebody types and presses Enter or a button within 50 ms, Panel handles the text together with that event, without
# the document's lock. Then the first chart that changes raises, and nothing is shown. Private: `_event_coroutine`.
Syncable._event_coroutine = pn.io.with_lock(Syncable._event_coroutine)  # type: ignore[method-assign]


class Block(pn.pane.HTML):
    """HTML whose content changes alone. A session's first change takes 0.7 times as long, and 0.4 times the bytes.

    Panel sends the style sheets along with the first change of each part, for which browsers style and lay out the
    whole page anew. Private: `_update` and `_get_properties`.
    """

    def _update(self, ref: str, model: Model) -> None:
        properties = self._get_properties(model.document)
        model.update(**{name: value for name, value in properties.items() if name != "stylesheets"})

    @property
    def html(self) -> str:
        """The content."""
        return str(self.object)

    @html.setter
    def html(self, content: str) -> None:
        self.object = content


class Select(pn.widgets.Select):
    """A menu that answers at once. It saves 50 ms of each choice.

    Panel waits that long for further changes, which a menu does not have. Private: `_debounce`.
    """

    _debounce = 0


def serve_styles_locally(document: Document) -> None:
    """Make a session load Panel's style sheets from this server. It saves each browser requests to another host.

    A session that the websocket made would load them from Panel's CDN. Undocumented: the variable `dist_url`.
    """
    document.template_variables["dist_url"] = LOCAL_DIST
