"""What needs a look on the pipeline page: windows that wait, checks that failed, and how many more there are."""

from datetime import UTC, datetime

from dashboards.pages import trouble
from dashboards.store.runs import FailedCheck
from tpch_assets.lake.faults import Fault

WHY = "silver's window 2026-01-01T0600 waits: raw/orders/2026-01-01T0615 is not in bronze <b>"


def test_a_window_that_waits_says_why_and_leads_to_its_layer() -> None:
    shown = trouble.panel({"2026-01-01T0600": WHY}, [], [], [], "http://127.0.0.1:3000")
    assert "raw/orders/2026-01-01T0615 is not in bronze &lt;b&gt;" in shown
    assert 'href="?layer=silver"' in shown and "No check has failed." in shown


def test_of_many_windows_the_newest_are_named_and_the_others_counted() -> None:
    held = {f"2026-01-{day:02}T0600": f"why {day}." for day in range(1, 13)}
    shown = trouble.panel(held, [], None, [], "")
    assert "why 12." in shown and "why 5." in shown and "why 4." not in shown
    assert "and 4 more windows" in shown and "Checks are told by Dagster alone." in shown


def test_a_failed_check_leads_to_its_table_and_its_run() -> None:
    failed = FailedCheck(
        "silver/orders", "keys_are_unique", True, datetime(2026, 1, 1, tzinfo=UTC), "2 too many", "abc"
    )
    shown = trouble.panel({}, [], [failed], [], "http://127.0.0.1:3000")
    assert 'href="?layer=silver&amp;table=orders"' in shown and 'href="http://127.0.0.1:3000/runs/abc"' in shown
    assert "“keys are unique” failed at 2026-01-01 00:00: 2 too many. <a" in shown
    assert "No window waits." in shown


def test_what_gold_does_not_read_is_told_by_the_lake_alone() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    fault = Fault(
        "bronze", "orders", "2026-01-01T0615", "every_line_is_in_bronze_or_rejects", "2 lines lost", "ab", since
    )
    shown = trouble.panel({}, [fault], None, [], "")
    assert 'href="?layer=bronze&amp;table=orders"' in shown
    assert "gold waits, since bronze/orders in 2026-01-01T0615 fails every_line_is_in_bronze_or_rejects" in shown
    assert "No window waits." not in shown
