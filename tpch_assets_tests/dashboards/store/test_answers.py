"""Answers in gold as pages read them."""

from dashboards.store.answers import answer, history
from dashboards.store.store import Store
from dashboards.tpch.views import VIEWS


def test_history_goes_up_to_the_day(store: Store) -> None:
    source = store.tables["gold", "q05_local_supplier_volume"]
    view = VIEWS["q05_local_supplier_volume"]
    past = history(store, source, "2024-01-02", view)
    assert list(past["CHINA"]) == [200.0, 400.0]
    assert answer(store, source, "2024-01-02").column_names == ["n_name", "revenue"]
