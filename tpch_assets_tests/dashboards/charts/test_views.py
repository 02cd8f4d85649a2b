"""Views: TPC-H's own, and the defaults for any other query."""

from dashboards.charts.looks import Look
from dashboards.charts.tpch_views import VIEWS
from dashboards.store import business
from dashboards.store.answers import frame
from dashboards.store.store import Store


def test_every_query_has_a_view_of_its_own() -> None:
    assert set(VIEWS) == set(business.queries())


def test_a_query_without_a_view_gets_one(store: Store) -> None:
    rows = frame(store, store.tables["gold", "q05_local_supplier_volume"], "2024-01-03")
    view = Look().view_of("a_new_one", rows)
    assert (view.kind, view.x, view.y) == ("bars", ("n_name",), "revenue")
    assert Look().view_of("a_new_one", rows[["revenue"]].head(1)).kind == "number"
