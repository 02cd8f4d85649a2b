"""Helpers shared by the assets of all layers: retry policy, column schemas and storage location."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import dagster as dg

from tpch_assets.lake.lake import Refused
from tpch_assets.schema import Table
from tpch_assets.settings import DashboardAddress, Settings, current_settings, load_address

RETRY = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
REBUILD, ACCEPT_LOSS = "tpch_assets/rebuild", "accept loss"
"""The tag of a run that makes whole tables again, and its value if rows that are lost upstream may be given up."""
Extra = Iterable[tuple[str, str, str]]
"""Additional columns as (name, type, description)."""


def column_schema(table: Table, extra: Extra = ()) -> dict[str, dg.TableSchema]:
    """Metadata that shows a table's columns in the Dagster UI."""
    columns = [
        dg.TableColumn(
            column.name,
            column.parsed.sql,
            column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
        )
        for column in table.columns
    ]
    columns += [dg.TableColumn(name, type_, description) for name, type_, description in extra]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def place(layer: str, name: str) -> dict[str, str]:
    """Metadata that shows where an asset is stored."""
    return {"dagster/uri": f"{current_settings().lake}/{layer}/{name}"}


def on_dashboard(settings: Settings, page: str, **choices: str) -> dict[str, dg.UrlMetadataValue]:
    """Metadata that leads to a page of the dashboard."""
    here = settings.dashboard_url or load_address(DashboardAddress).url
    return {"dashboard": dg.MetadataValue.url(f"{here.rstrip('/')}/{page}?{urlencode(choices)}")}


def word_of(context: dg.AssetExecutionContext) -> str | None:
    """An operator's word to make the run's tables again; None in any other run."""
    return context.run.tags.get(REBUILD)


@contextmanager
def refusals() -> Iterator[None]:
    """Have a run that is refused end at once, with that sentence."""
    try:
        yield
    except Refused as error:
        raise dg.Failure(str(error), allow_retries=False) from error
