"""Private and undocumented API that the dashboard uses: these tests fail when an upgrade changes it."""

from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import FactorRange, Plot
from panel.io.resources import CDN_DIST, LOCAL_DIST
from panel.io.state import set_curdoc
from panel.models.widgets import EnterEvent
from panel.reactive import Syncable

from dashboards.bokeh_private import draw_at_once
from dashboards.pages.parts import block
from dashboards.panel_private import Block, Select, serve_styles_locally


def drawn(part: pn.viewable.Viewable, document: Document) -> Any:
    """The model of a part in its own session. Elsewhere Panel takes the style sheets of whichever session it finds."""
    with set_curdoc(document):
        return part.get_root(document)


def test_html_changes_alone() -> None:
    document, part = Document(), block("before")
    model = drawn(part, document)
    document.add_root(model)
    styles = list(model.stylesheets)
    changed: list[str] = []
    document.on_change(lambda event: changed.append(getattr(event, "attr", "")))
    part.html = "after"
    assert "after" in model.text and part.html == "after"
    assert "text" in changed and "stylesheets" not in changed
    assert list(model.stylesheets) == styles
    plain: Any = pn.pane.HTML("before", stylesheets=["p {}"])
    assert "stylesheets" in plain._get_properties(document), "Panel sends them no more: Block is not needed"


def delays(menu: type[pn.widgets.Select], patch: pytest.MonkeyPatch) -> list[int]:
    """The milliseconds a menu waits before it answers."""
    document, found = Document(), list[int]()
    model = drawn(menu(options=["a", "b"], value="a"), document)
    patch.setattr(document, "_session_context", lambda: SimpleNamespace())
    patch.setattr(document, "add_timeout_callback", lambda callback, milliseconds: found.append(milliseconds))
    model.value = "b"
    return found


def test_a_menu_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert delays(Select, monkeypatch) == [0]
    assert delays(pn.widgets.Select, monkeypatch) == [50], "Panel waits no more: Select is not needed"


def keeps_the_lock(patch: pytest.MonkeyPatch) -> bool:
    """Whether Enter, pressed right after a text was changed, is handled with the document's lock."""
    document, called = Document(), list[Any]()
    model = drawn(pn.widgets.TextInput(), document)
    patch.setattr(document, "_session_context", lambda: SimpleNamespace())
    patch.setattr(document, "add_timeout_callback", lambda *_: None)
    patch.setattr(document, "add_next_tick_callback", called.append)
    model.value = "words"
    model._trigger_event(EnterEvent(model, "words"))
    del pn.state._change_callbacks[document]
    return not getattr(called[0], "nolock", False)


def test_enter_is_handled_with_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keeps_the_lock(monkeypatch)
    event: Any = Syncable._event_coroutine
    monkeypatch.setattr(Syncable, "_event_coroutine", event.__wrapped__)
    assert not keeps_the_lock(monkeypatch), "Panel keeps the lock: our change to `_event_coroutine` is not needed"


def test_styles_come_from_this_server() -> None:
    def urls(document: Document) -> list[str]:
        sheets = drawn(Block("words"), document).stylesheets
        return [sheet.url for sheet in sheets if hasattr(sheet, "url")]

    local, remote = Document(), Document()
    serve_styles_locally(local)
    assert urls(local) and all(url.startswith(LOCAL_DIST) for url in urls(local))
    assert any(url.startswith(CDN_DIST) for url in urls(remote)), "Panel loads them locally: dist_url is not needed"


def test_models_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    document, searched = Document(), list[int]()
    plots = [Plot() for _ in range(3)]
    for plot in plots:
        document.add_root(plot)
    recompute = document.models.recompute

    def count() -> None:
        searched.append(1)
        recompute()

    monkeypatch.setattr(document.models, "recompute", count)
    with draw_at_once(document):
        for plot in plots:
            plot.x_range = FactorRange()
    assert searched == [1]
    with pytest.raises(ZeroDivisionError), draw_at_once(document):
        raise ZeroDivisionError
    searched.clear()
    plots[0].x_range = FactorRange()
    assert searched == [1], "an error left the document frozen"
