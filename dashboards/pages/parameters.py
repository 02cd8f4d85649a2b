"""A query's parameters as fields that people change, and what they make of them.

Computing an answer does not belong here, but in `queries` and `store.on_the_spot`.
"""

from collections.abc import Callable
from datetime import date

import panel as pn

from dashboards.pages.markup import css, escape
from dashboards.pages.parts import block, choices_row, column
from dashboards.pages.url import Url
from dashboards.store import business
from dashboards.store.business import Query

PREFIX = "p."
"""What stands in the address before a parameter's name."""
LONGEST = 200
FOLLOW = 250
"""Milliseconds from an answer to the fields of its query."""


class Parameters:
    """The parameters of the query that a page shows, as fields.

    Args:
        changed: Called after somebody changed one.
    """

    def __init__(self, url: Url, changed: Callable[[], None]) -> None:
        self._url, self._changed = url, changed
        self.heading, self.row, self.errors = block("<h2>Parameters</h2>"), choices_row(), block()
        self.view = column(self.heading, self.row, self.errors)
        self.fields: dict[str, pn.widgets.TextInput] = {}
        self._query: Query | None = None
        self._own: dict[str, str] = {}
        self._document = pn.state.curdoc
        self._filling = False

    def show(self, query: Query, day: str) -> None:
        """Show a query's parameters as of a day. Fields keep what somebody wrote, or the address says."""
        declared = {
            name: as_text(value)
            for name, value in business.parameters(query, date.fromisoformat(day)).items()
            if name in query.param_expressions
        }
        written = {name: text for name, text in self.written().items() if name in declared} if self._same(query) else {}
        asked = {name: text for name in declared if (text := self._url.text(PREFIX + name))}
        if not self._same(query):
            self.fields = {name: self._field(query, name) for name in declared}
            self._place(at_once=self._query is None or bool(asked))
        self._query, self._own = query, declared
        self._filling = True
        try:
            for name, field in self.fields.items():
                field.value = asked.get(name, written.get(name, declared[name]))
        finally:
            self._filling = False
        self.view.visible = bool(declared)

    def _place(self, *, at_once: bool) -> None:
        """Put the fields on the page, or let them follow the answer, which browsers then show 40 ms earlier."""
        if at_once or self._document is None:
            self._place_now()
        else:
            self._document.add_timeout_callback(self._place_now, FOLLOW)

    def _place_now(self) -> None:
        if self.row.objects != [*self.fields.values()]:
            self.row[:] = [*self.fields.values()]

    def written(self) -> dict[str, str]:
        """What differs from the query's own values."""
        return {name: str(field.value) for name, field in self.fields.items() if field.value != self._own.get(name)}

    def values(self) -> dict[str, object] | None:
        """The values that differ from the query's own. None if one cannot be read: then this says which."""
        found: dict[str, object] = {}
        errors = []
        for name, text in self.written().items():
            assert self._query is not None
            try:
                found[name] = business.value_of(self._query, name, text)
            except ValueError as error:
                errors.append(f"<p><strong>{escape(name)}</strong>: {escape(error)}</p>")
        self.errors.html = "".join(errors)
        return None if errors else found

    def choices(self, query: str) -> dict[str, str | None]:
        """What is written, by its name in the address; None for what is not, and if it is for another query."""
        gone = dict.fromkeys(self._url.names(PREFIX))
        if self._query is None or self._query.name != query:
            return gone
        return gone | {PREFIX + name: text for name, text in self.written().items()}

    def forget(self) -> None:
        """Show the query's own values next: the address says nothing any more, or another query is chosen."""
        self._query = None

    def _same(self, query: Query) -> bool:
        return self._query is not None and self._query.name == query.name

    def _field(self, query: Query, name: str) -> pn.widgets.TextInput:
        field = pn.widgets.TextInput(
            label=f"{name} ({query.param_types[name].lower()})",
            max_length=LONGEST,
            margin=(0, 12, 4, 0),
            sizing_mode="stretch_width",  # A fixed width would make the page as wide as all fields in a row.
            max_width=200,
            styles={"flex": "1 1 160px"},
            stylesheets=[css("parts")],
        )
        field.param.watch(lambda _: None if self._filling else self._changed(), "value")
        return field


def as_text(value: object) -> str:
    """A parameter's value as people write it."""
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
