"""What people ask of a query beyond the answers that gold keeps: other parameters, a range of days, two days at once.

How answers are drawn does not belong here, but in `queries`; how they are computed, in `store.on_the_spot`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd
import panel as pn
import pyarrow as pa

from dashboards.pages.markup import escape
from dashboards.pages.parameters import Parameters
from dashboards.pages.parts import select
from dashboards.pages.url import Url
from dashboards.store import business
from dashboards.store.answers import answer, days, frame
from dashboards.store.business import Query
from dashboards.store.computed import computed
from dashboards.store.store import Store
from tpch_assets.lake.snapshot import Snapshot

BEGINNING = {"the beginning": ""}
ALONE = {"no other day": ""}


@dataclass(frozen=True)
class Answer:
    """What there is to show.

    Attributes:
        rows: None while they are computed, or if they cannot be.
        words: What to say of it, as HTML: where it comes from, or why there is none.
        key: Differs for another answer.
        table: The same exactly.
    """

    rows: pd.DataFrame | None
    words: str
    key: object
    computed: bool
    table: Callable[[], pa.Table] | None = None


class Ask:
    """The choices of one page: from which day on facts count, which other day stands beside, and parameters.

    Args:
        changed: Called after somebody chose.
        refresh: Called when something is computed.
    """

    def __init__(self, store: Store, url: Url, changed: Callable[[], None], refresh: Callable[[], None]) -> None:
        self._store, self._url, self._changed = store, url, changed
        self._document, self._refresh = pn.state.curdoc, refresh
        self.since = select("Facts since", BEGINNING, "", 180)
        self.beside = select("Beside it", ALONE, "", 180)
        self.parameters = Parameters(url, changed)
        self._filling = False
        for widget in (self.since, self.beside):
            widget.param.watch(lambda _: None if self._filling else self._changed(), "value")

    def choices(self, query: str) -> dict[str, str | None]:
        """What is chosen for a query, by its name in the address."""
        return {
            "since": self.since.value or None,
            "beside": self.beside.value or None,
            **self.parameters.choices(query),
        }

    def read(self) -> None:
        """Choose what the address says, when next shown."""
        self.parameters.forget()
        for widget in (self.since, self.beside):
            self._fill(widget, dict(widget.options), "")

    def offer(self, query: Query, source: Snapshot, day: str) -> None:
        """Offer what can be asked of a query as of a day."""
        can = business.answerable(query)
        until = [key for key in self._days_of_facts(query) if key <= day] if can else []
        self._fill(self.since, BEGINNING | {key: key for key in reversed(until)}, self.since.value)
        self._fill(self.beside, ALONE | {key: key for key in days(source) if key != day}, self.beside.value)
        self.since.visible = len(until) > 1
        self.beside.visible = len(self.beside.options) > 1
        if can:
            self.parameters.show(query, day)
        self.parameters.view.visible = can and bool(query.param_expressions)

    def answer(self, query: Query, source: Snapshot, day: str) -> Answer:
        """The answer as of a day: gold's own, or what is computed now."""
        values = self.parameters.values() if business.answerable(query) else {}
        if values is None:
            return Answer(None, "One of the parameters below cannot be read.", ("unread",), computed=True)
        if not values and not self.since.value:
            rows = frame(self._store, source, day)
            return Answer(rows, "", (), computed=False, table=lambda: answer(self._store, source, day))
        return self._computed(query, day, values)

    def _computed(self, query: Query, day: str, values: dict[str, object]) -> Answer:
        since = self.since.value
        key, outcome = computed(self._store, query, day, values, since, self._done)
        if outcome is None:
            return Answer(None, "Computing …", ("pending", key), computed=True)
        if outcome.result is None:
            return Answer(None, escape(outcome.error), ("failed", key), computed=True)
        exact, rows = outcome.result
        words = _words(query, values, since, outcome.seconds)
        return Answer(rows, words, key, computed=True, table=lambda: exact)

    def _done(self) -> None:
        if self._document is not None:
            self._document.add_next_tick_callback(partial(self._refresh))

    def _days_of_facts(self, query: Query) -> list[str]:
        names = [name for group in query.groups for name in group.names]
        tables = (self._store.table("silver", name) for name in names)
        return sorted({key[:10] for table in tables if table for key in table.by_partition()})

    def _fill(self, widget: pn.widgets.Select, options: dict[str, str], kept: str) -> None:
        """Offer options, and choose what the address says, or what was chosen before."""
        name = "since" if widget is self.since else "beside"
        self._filling = True
        try:
            value = self._url.get(name, list(options.values()), kept if kept in options.values() else "")
            if (options, value) != (widget.options, widget.value):
                widget.param.update(options=options, value=value)
        finally:
            self._filling = False


def _words(query: Query, values: dict[str, object], since: str, seconds: float) -> str:
    """Where a computed answer comes from."""
    parts = [f"computed on the spot from silver in {seconds:.2f} s"]
    if values:
        parts.append("with " + ", ".join(f"{name} = {value}" for name, value in values.items()))
    if since:
        parts.append(f"from facts since {since} alone")
    return escape(", ".join(parts)) + "; nothing of it is kept"
