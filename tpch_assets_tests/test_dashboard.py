"""The dashboard without a browser: what is read, said and drawn, and that nothing from the URL goes unchecked."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import panel as pn
import param
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboards import app, charts, data, health, panels, runs, text, views
from dashboards.answers import answer, days, frame, history, warm
from dashboards.data import QUERIES, LakeState, Recent, Store
from dashboards.orders import Orders
from dashboards.page import Page, Url
from dashboards.pipeline import Pipeline
from dashboards.queries import Queries
from dashboards.settings import DashboardSettings, load_dashboard_settings
from dashboards.states import banner
from tpch_assets.calendar import BATCH, batch_key, window_key
from tpch_assets.delta import commit, write_file
from tpch_assets.lake import Lake
from tpch_assets.settings import PROJECT, SettingsError

pytestmark = [
    # Bokeh and Panel call pandas 3.1 the old way.
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning"),
]

MONEY = pa.decimal128(38, 4)
TIMES = pa.timestamp("us", "UTC")
DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
SEGMENTS = ("AUTOMOBILE", "BUILDING")
EVIL = "<img src=x onerror=\"document.title='broken'\">"


def put(lake: Lake, layer: str, name: str, partition: str, rows: pa.Table, file: str = "{content}.parquet") -> int:
    """Commit rows as one partition of a table; returns the version."""
    uri = lake.table(layer, name)
    written = write_file(lake, uri, partition, file, lambda path: pq.write_table(rows, path))
    return commit(lake, uri, [written], [partition]).version


def gold(lake: Lake, query: str, day: str, columns: dict[str, pa.Array]) -> int:
    """Commit a day's answer."""
    rows = pa.table(columns)
    return put(lake, "gold", query, day, rows.append_column("as_of", pa.array([date.fromisoformat(day)] * len(rows))))


def money(*values: float) -> pa.Array:
    return pa.array([Decimal(f"{value:.4f}") for value in values], MONEY)


def orders_of(day: str, count: int = 20, revenue: float = 1000.0) -> dict[str, pa.Array]:
    """The live query's answer: `count` orders for each of two segments, falling in revenue."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    numbers = [(segment, rank) for segment in SEGMENTS for rank in range(1, count + 1)]
    return {
        "segment": pa.array([segment for segment, _ in numbers]),
        "rank": pa.array([rank for _, rank in numbers], pa.int64()),
        "orderkey": pa.array([10_000 + i for i in range(len(numbers))], pa.int64()),
        "customer": pa.array([f"Customer#{rank:09}" for _, rank in numbers]),
        "ordertime": pa.array([begin + timedelta(hours=rank) for _, rank in numbers], TIMES),
        "revenue": money(*(revenue + 100 * (count - rank) for _, rank in numbers)),
        "lines": pa.array([1 + rank % 7 for _, rank in numbers], pa.int64()),
        "next_shiptime": pa.array([begin + timedelta(hours=24 + rank % 6) for _, rank in numbers], TIMES),
    }


def totals_of(day: str, factor: float = 1.0) -> dict[str, pa.Array]:
    """The totals: of each segment 60 orders, by the six hours in which they ship next."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    hours = [(segment, hour) for segment in SEGMENTS for hour in range(6)]
    return {
        "segment": pa.array([segment for segment, _ in hours]),
        "ship_hour": pa.array([begin + timedelta(hours=24 + hour) for _, hour in hours], TIMES),
        "lines": pa.array([25] * len(hours), pa.int64()),
        "revenue": money(*(factor * 1e6 * (1 + hour) for _, hour in hours)),
        "orders": pa.array([10] * len(hours), pa.int64()),
        "oldest_ordertime": pa.array([begin - timedelta(hours=3 * hour) for _, hour in hours], TIMES),
    }


def fill_gold(lake: Lake, chosen: tuple[str, ...] = DAYS) -> None:
    """Answers of some queries of every kind; the other queries have none."""
    for number, day in enumerate(chosen, 1):
        gold(lake, "unshipped_orders", day, orders_of(day, revenue=1000.0 * number))
        gold(lake, "unshipped_totals", day, totals_of(day, number))
        gold(
            lake,
            "q05_local_supplier_volume",
            day,
            {"n_name": pa.array(["CHINA", "INDIA"]), "revenue": money(200 * number, 100 * number)},
        )
        gold(lake, "q06_forecasting_revenue_change", day, {"revenue": money(1.5e6 * number)})
        years = [(nation, year) for nation in ("FRANCE", "PERU") for year in (1995, 1996)]
        gold(
            lake,
            "q09_product_type_profit",
            day,
            {
                "nation": pa.array([nation for nation, _ in years]),
                "o_year": pa.array([year for _, year in years], pa.int64()),
                "sum_profit": money(*(number * (i + 1) * 1e5 for i in range(len(years)))),
            },
        )
        counts = list(range(12))
        gold(
            lake,
            "q13_customer_distribution",
            day,
            {"c_count": pa.array(counts, pa.int64()), "custdist": pa.array([c + number for c in counts], pa.int64())},
        )


def fill_pipeline(lake: Lake, latest: datetime) -> None:
    """Raw, bronze, silver and rejects of `orders`: four batches up to `latest`, and the windows they lie in."""
    for i in range(4):
        batch = batch_key(latest - (3 - i) * BATCH)
        folder = Path(lake.path("raw", "orders", batch))
        folder.mkdir(parents=True)
        (folder / "orders.json").write_text('{"o_orderkey": 1}\n' * 10)
        rows = pa.table({"o_orderkey": pa.array(range(10)), "_batch": pa.array([batch] * 10)})
        put(lake, "bronze", "orders", batch, rows)
    rejects = {
        "_batch": pa.array([batch, batch]),
        "_file": pa.array(["orders.json", "orders.json"]),
        "_line": pa.array([3, 4], pa.int64()),
        "_text": pa.array([EVIL, "{"]),
        "_reason": pa.array(["not JSON", "not JSON"]),
    }
    put(lake, "bronze", "orders_rejects", batch, pa.table(rejects))
    keys = pa.table({"o_orderkey": pa.array(range(40)), "_batch": pa.array([batch] * 40)})
    for window in {window_key(latest - i * BATCH) for i in range(4)}:
        put(lake, "silver", "orders", window, keys)


class Location(param.Parameterized):
    """Stands in for the browser's address."""

    search = param.String(default="")

    @property
    def query_params(self) -> dict[str, Any]:
        pairs = (part.split("=", 1) for part in self.search.lstrip("?").split("&") if "=" in part)
        return {name: value.replace("%2F", "/") for name, value in pairs}


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with three days of gold and a pipeline that is on time."""
    fill_gold(lake)
    fill_pipeline(lake, datetime.now(UTC) - timedelta(minutes=20))
    return lake


@pytest.fixture
def store(filled: Lake) -> Store:
    found = Store(filled, warm=warm)
    found.poll()
    found.poll_raw()
    return found


def open_page(page: type[Page], store: Store, search: str = "") -> Any:
    made = page(store, DashboardSettings(), Location(search=search))
    made.view()
    return made


def test_no_lake_is_said_and_what_to_run(lake: Lake) -> None:
    store = Store(lake)
    assert "Reading" in banner(store.state, lake.uri)
    store.poll()
    assert store.state.kind == "no lake"
    page = open_page(Orders, store)
    assert "make demo" in page.head.object and not page.body.visible


def test_no_gold_is_said(lake: Lake) -> None:
    fill_pipeline(lake, datetime.now(UTC))
    store = Store(lake)
    store.poll()
    store.poll_raw()
    assert store.state.kind == "no gold"
    assert not open_page(Orders, store).body.visible
    assert "No results yet" in open_page(Queries, store).head.object
    assert open_page(Pipeline, store).body.visible


def test_a_lake_that_cannot_be_reached_is_said_and_recovers(filled: Lake) -> None:
    store = Store(filled)
    store.poll()
    page = open_page(Orders, store)
    os.rename(filled.uri, f"{filled.uri}.away")
    Path(filled.uri).write_text("not a folder")
    store.poll()
    page.refresh()
    assert store.state.kind == "unreachable"
    assert "cannot be reached" in page.head.object and page.body.visible
    os.unlink(filled.uri)
    os.rename(f"{filled.uri}.away", filled.uri)
    store.poll()
    page.refresh()
    assert store.state == LakeState("ok") and "banner" not in page.head.object


def test_rows_that_cannot_be_read_are_said_and_come_later(filled: Lake) -> None:
    store = Store(filled)
    store.poll()
    page = open_page(Orders, store)
    source = store.tables["gold", "unshipped_orders"]
    (file,) = source.of({"2024-01-02"})
    path = Path(source.uri) / file.path
    path.rename(path.with_suffix(".away"))
    page.day.value = "2024-01-02"
    assert "FileNotFoundError" in page.head.object and page.body.visible
    assert "<strong>2024-01-03</strong>" in page.head.object, "what is shown was read before"
    path.with_suffix(".away").rename(path)
    page.refresh()
    assert "banner" not in page.head.object and "<strong>2024-01-02</strong>" in page.head.object


def test_what_came_while_the_lake_was_away_is_ready_with_the_first_poll(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.state = LakeState("unreachable", "it is away")
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04"))
    store.poll()
    assert store.state == LakeState("ok")
    monkeypatch.setattr(pq, "ParquetFile", None)
    assert "<strong>2024-01-04</strong>" in open_page(Orders, store).head.object


@pytest.mark.parametrize("page", [Orders, Queries, Pipeline])
def test_a_page_opened_while_the_lake_is_away_asks_nothing_of_it(
    store: Store, page: type[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.state = LakeState("unreachable", "it is away")
    with monkeypatch.context() as patch:
        patch.setattr(pq, "ParquetFile", None)
        patch.setattr(data, "DeltaTable", None)
        opened = open_page(page, store)
    assert "it is away" in opened.head.object
    store.poll()
    opened.refresh()
    assert opened.body.visible and "banner" not in opened.head.object


def test_a_lake_that_appears_is_seen(lake: Lake) -> None:
    store = Store(lake)
    store.poll()
    page = open_page(Orders, store)
    fill_gold(lake)
    store.poll()
    page.refresh()
    assert page.body.visible and "2024-01-03" in page.head.object and "version" in page.head.object


def test_rows_are_read_only_when_a_version_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda path: reads.append(path) or read(path))  # type: ignore[func-returns-value]
    opened = store.tables
    store.poll()
    open_page(Orders, store)
    assert not reads and store.tables is opened
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04"))
    store.poll()
    assert len(reads) == 1
    assert store.tables["gold", "unshipped_orders"].version > opened["gold", "unshipped_orders"].version
    assert store.tables["gold", "q05_local_supplier_volume"] is opened["gold", "q05_local_supplier_volume"]


def test_a_lake_made_anew_at_the_same_version_is_seen(lake: Lake) -> None:
    gold(lake, "q06_forecasting_revenue_change", "2024-01-01", {"revenue": money(1)})
    store = Store(lake)
    store.poll()
    os.rename(lake.uri, f"{lake.uri}.old")
    gold(lake, "q06_forecasting_revenue_change", "2024-01-02", {"revenue": money(2)})
    store.poll()
    assert days(store.tables["gold", "q06_forecasting_revenue_change"]) == ["2024-01-02"]


def test_sessions_are_told_and_leave(store: Store) -> None:
    told: list[int] = []
    leave = store.subscribe(lambda: told.append(1))
    store.poll()
    leave()
    store.poll()
    assert told == [1]


def test_a_session_that_fails_does_not_stop_the_others(store: Store) -> None:
    told: list[int] = []
    store.subscribe(lambda: 1 / 0)
    store.subscribe(lambda: told.append(1))
    store.poll()
    store.poll()
    assert told == [1, 1]


def test_recent_forgets_the_oldest() -> None:
    recent, made = Recent(2), []

    def get(key: str) -> str:
        return recent.get(key, lambda: made.append(key) or key, lambda _: 1)  # type: ignore[func-returns-value]

    assert [get(key) for key in "abacb"] == list("abacb")
    assert made == list("abcb")


def test_orders_answers_for_its_segment_and_day(store: Store) -> None:
    page = open_page(Orders, store, "?segment=BUILDING&day=2024-01-02")
    assert (page.segment.value, page.day.value) == ("BUILDING", "2024-01-02")
    assert "2024-01-02" in page.head.object
    assert len(page.table.value) == 20
    assert re.search("version <strong>3</strong> of gold/unshipped_totals", page.head.object)
    assert "60" in page.figures.object and "as the day before" in page.figures.object
    assert "42.00 M" in page.figures.object and "(+100.0%) against the day before" in page.figures.object
    assert "1 d 15 h" in page.figures.object and "as old as the day before" in page.figures.object
    rows = page._rows()
    assert set(rows["segment"].to_pylist()) == {"BUILDING"}
    assert rows.schema.field("revenue").type == MONEY
    assert list(page.chart.source.data["value"]) == [2e6 * hour for hour in range(1, 7)]


def test_orders_without_totals_say_so(lake: Lake) -> None:
    for day in DAYS:
        gold(lake, "unshipped_orders", day, orders_of(day))
    gold(lake, "unshipped_totals", DAYS[2], totals_of(DAYS[2]))
    store = Store(lake, warm=warm)
    store.poll()
    page = open_page(Orders, store)
    assert "no day before to compare with" in page.figures.object and page.chart is not None
    page.day.value = DAYS[1]
    assert f"The totals of {DAYS[1]} are not there" in page.figures.object
    assert len(page.table.value) == 20 and not page.ships.visible
    page.day.value = DAYS[2]
    assert page.ships.visible


def test_a_choice_goes_into_the_address_and_back(store: Store) -> None:
    page = open_page(Orders, store, "?theme=dark")
    page.segment.value = "BUILDING"
    location = page.url._location
    assert location.query_params == {"theme": "dark", "segment": "BUILDING"}
    location.search = "?segment=AUTOMOBILE&day=2024-01-01"
    assert (page.segment.value, page.day.value) == ("AUTOMOBILE", "2024-01-01")
    assert "2024-01-01" in page.head.object


@pytest.mark.parametrize("value", ["../../etc", "' OR 1=1", "BUILDING'--", EVIL, "", "0"])
def test_an_address_that_is_not_allowed_is_ignored(store: Store, value: str) -> None:
    orders = open_page(Orders, store, f"?segment={value}&day={value}")
    assert orders.segment.value in SEGMENTS and orders.day.value == "latest"
    queries = open_page(Queries, store, f"?query={value}&day={value}")
    assert queries.query.value in QUERIES
    pipeline = open_page(Pipeline, store, f"?layer={value}&table={value}")
    assert (pipeline.layer.value, pipeline.table.value) == ("bronze", "orders")


def test_url_takes_only_what_is_allowed() -> None:
    url = Url(Location(search="?a=x&b=y"))
    assert url.get("a", ["x"], "d") == "x"
    assert url.get("b", ["x"], "d") == url.get("c", ["x"], "d") == "d"
    url.set(a=None, c="p/q")
    assert url._location.search == "?b=y&c=p%2Fq"
    assert Url().get("a", ["x"], "d") == "d"


def test_a_new_commit_keeps_table_chart_and_choice(store: Store) -> None:
    page = open_page(Orders, store, "?segment=BUILDING")
    table, plot = page.table, page.chart.plot
    page.table.param.update(page=2, sorters=[{"field": "lines", "dir": "asc"}])
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04", count=30))
    store.poll()
    page.refresh()
    assert page.table is table and page.chart.plot is plot and page.segment.value == "BUILDING"
    assert (page.table.page, page.table.sorters) == (2, [{"field": "lines", "dir": "asc"}])
    assert len(page.table.value) == 30 and "2024-01-04" in page.head.object


def test_a_chosen_day_stays_when_a_newer_one_comes(store: Store) -> None:
    page = open_page(Orders, store, "?day=2024-01-02")
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04"))
    store.poll()
    page.refresh()
    assert page.day.value == "2024-01-02" and "2024-01-04" in page.day.options.values()


@pytest.mark.parametrize("query", ["q05_local_supplier_volume", "q09_product_type_profit", "q13_customer_distribution"])
def test_a_query_is_told_drawn_and_followed(store: Store, query: str) -> None:
    page = open_page(Queries, store, f"?query={query}")
    assert QUERIES[query].question in page.heading.object.replace("&#x27;", "'")
    assert page.chart is not None and all(len(line) == len(DAYS) for line in page.past.lines().values())
    assert text.escape(QUERIES[query].combine) in page.sql.object
    assert "2024-01-03" in page.parameters.object


def test_a_single_figure_needs_no_chart(store: Store) -> None:
    page = open_page(Queries, store, "?query=q06_forecasting_revenue_change")
    assert page.chart is None and "4.50 M" in page.figures.object
    assert page.past.lines() == {"Revenue": [1.5e6, 3e6, 4.5e6]}


def test_what_never_changed_is_drawn_as_a_level_line() -> None:
    past = charts.Past()
    days_ = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    past.draw("Share", pd.DataFrame({"day": days_, "Mean": [0.1 + 0.2, 0.3, 0.3], "None": [0.0, 0.0, float("nan")]}))
    assert past.lines()["Mean"] == [0.3, 0.3, 0.3]
    assert past.plot.y_range.default_span == 0.3  # type: ignore[attr-defined]


def test_a_query_without_an_answer_says_so(store: Store) -> None:
    page = open_page(Queries, store, "?query=q01_pricing_summary")
    assert page.none.visible and not page.answer.visible
    page.query.value = "q05_local_supplier_volume"
    assert not page.none.visible and page.answer.visible


def test_every_query_can_be_chosen_in_turn(store: Store) -> None:
    page = open_page(Queries, store)
    for query in QUERIES:
        page.query.value = query
    assert set(page.query.options.values()) == set(QUERIES)


def test_every_query_has_a_view_of_its_own() -> None:
    assert set(views.VIEWS) == set(QUERIES)


def test_a_query_that_nobody_drew_yet_is_drawn(store: Store) -> None:
    rows = frame(store, store.tables["gold", "q05_local_supplier_volume"], "2024-01-03")
    view = views.view_of("a_new_one", rows)
    assert (view.kind, view.x, view.y) == ("bars", ("n_name",), "revenue")
    assert views.view_of("a_new_one", rows[["revenue"]].head(1)).kind == "number"


def test_history_goes_up_to_the_day(store: Store) -> None:
    source = store.tables["gold", "q05_local_supplier_volume"]
    view = views.VIEWS["q05_local_supplier_volume"]
    past = history(store, source, "2024-01-02", view)
    assert list(past["CHINA"]) == [200.0, 400.0]
    assert answer(store, source, "2024-01-02").column_names == ["n_name", "revenue"]


def test_pipeline_tells_lag_compaction_and_rejects(store: Store) -> None:
    page = open_page(Pipeline, store, "?layer=bronze&table=orders")
    assert "2 lines rejected in the last day" in page.overview.object
    assert re.search("4 → [12]", page.figures.object)
    assert "http://127.0.0.1:3000/assets/bronze/orders" in page.overview.object
    assert list(page.rejects.value["_text"]) == [EVIL, "{"]
    assert "not JSON" in page.rejects_words.object
    assert EVIL not in page.rejects_words.object
    assert list(page.charts["rows"].source.data["value"]) == [10.0] * 4
    assert "write" in page.commits.object
    page.layer.value = "raw"
    assert page.table.value == "orders" and list(page.charts["files"].source.data["value"]) == [1.0] * 4
    page.layer.value = "gold"
    assert page.table.value in QUERIES


@pytest.mark.parametrize(("age", "state"), [(20, "green"), (60, "amber"), (120, "red")])
def test_states_follow_the_rules_of_the_asset_checks(lake: Lake, age: int, state: str) -> None:
    now = datetime(2024, 1, 2, 12, tzinfo=UTC)
    rows = pa.table({"o_orderkey": pa.array([1])})
    put(lake, "bronze", "orders", batch_key(now - timedelta(minutes=age)), rows)
    store = Store(lake)
    store.poll()
    assert health.health(store, "bronze", "orders", now).state == state
    assert health.health(store, "bronze", "nation", now).state == "none"
    assert health.health(store, "bronze", "lineitem", now).state == "red"
    assert health.worst(["green", "red", "amber"]) == "red"


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (999, "999"), (12_345, "12.3 k"), (4.2e6, "4.20 M"), (0.0286, "0.0286"), (None, "—")]
)
def test_figures_are_short(value: float | None, shown: str) -> None:
    assert text.short(value) == shown


def test_changes_are_in_words() -> None:
    assert text.change(3, 2) == "+1 (+50.0%) against the day before"
    assert text.change(2, 2) == "as the day before"
    assert text.change(0.1 + 0.2, 0.3) == "as the day before"
    assert text.change(2, None) == "no day before to compare with"


def test_it_listens_on_this_machine_alone_by_default() -> None:
    options = load_dashboard_settings().serve_options()
    assert options["address"] == "127.0.0.1"
    assert options["websocket_origin"] == ["127.0.0.1:5006", "localhost:5006"]


def test_every_setting_is_documented() -> None:
    documented = re.findall(
        r"^\| `TPCH_DASHBOARD_(\w+)`", (PROJECT / "docs" / "dashboard.md").read_text(), re.MULTILINE
    )
    assert {name.lower() for name in documented} == set(DashboardSettings.model_fields)


def test_signing_in_is_set_up() -> None:
    secret = "0123456789abcdef"
    settings = load_dashboard_settings(basic_auth="open sesame", cookie_secret=secret, origins="lake.example.org")
    assert settings.serve_options()["basic_auth"] == "open sesame"
    assert settings.serve_options()["websocket_origin"][0] == "lake.example.org"  # type: ignore[index]
    settings = load_dashboard_settings(oauth_provider="github", oauth_key="k", oauth_secret="s", cookie_secret=secret)
    assert settings.serve_options()["oauth_provider"] == "github"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"basic_auth": "x"}, "COOKIE_SECRET"),
        ({"oauth_provider": "github", "cookie_secret": "0123456789abcdef"}, "OAUTH_KEY"),
        ({"cookie_secret": "short"}, "COOKIE_SECRET"),
        ({"origins": "https://x"}, "without scheme"),
        ({"port": "0"}, "PORT"),
        ({"basic_auth": "users.json", "cookie_secret": "0123456789abcdef"}, "no such file"),
    ],
)
def test_a_wrong_setting_is_one_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_dashboard_settings(**given)


def test_the_command_ends_with_the_sentence(environment: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dashboards"],
        env={**os.environ, "TPCH_DASHBOARD_ORIGINS": "https://x", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("dashboard: TPCH_DASHBOARD_ORIGINS: write host:port")
    assert "Traceback" not in done.stderr


def test_all_pages_are_served() -> None:
    assert set(app.routes(SimpleNamespace(), DashboardSettings())) == {"/", "queries", "pipeline"}  # type: ignore[arg-type]


def test_run_durations_are_those_of_dagsters_runs(environment: Path, lake: Lake) -> None:
    @dg.asset(key=["bronze", "orders"])
    def orders() -> None: ...

    home = environment / "dagster"
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    assert runs.read(home, "bronze", "orders") == []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = [dg.materialize([orders], instance=instance).run_id for _ in range(2)]
        records = [instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))[0] for run_id in made]
    found = runs.read(home, "bronze", "orders")
    assert [run.seconds for run in found] == [(one.end_time or 0) - (one.start_time or 0) for one in records]
    assert runs.read(home, "bronze", "lineitem") == []

    fill_pipeline(lake, datetime.now(UTC))
    store = Store(lake)
    store.poll()
    page = open_page(Pipeline, store, "?layer=bronze&table=orders")
    (panel,) = page.panels
    deadline = time.monotonic() + 20
    while not panel.view.visible and time.monotonic() < deadline:
        time.sleep(0.05)
        page.refresh()
    assert panel.chart is not None
    assert list(panel.chart.source.data["value"]) == [run.seconds for run in found]
    page.table.value = "nation"
    page.refresh()
    assert panel.chart is None and not panel.view.visible


def test_a_panel_is_shown_each_table(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Costs:
        def __init__(self) -> None:
            self.view = pn.Column()
            self.told: list[Any] = []

        def show(self, layer: str, name: str) -> None:
            self.told.append((layer, name))

    monkeypatch.setattr(panels, "PANELS", [Costs])
    page = open_page(Pipeline, store, "?layer=bronze&table=orders")
    page.layer.value = "silver"
    (costs,) = page.panels
    assert costs.told[0] == ("bronze", "orders") and costs.told[-1] == ("silver", "orders")
    assert costs.view in page.body.select(pn.Column)
