"""Freshness: Dagster's policies, and checks that know the newest data. Empty files, batches and windows are not data.

A policy asks when something was last materialized, and a backfill of last year satisfies it. The check asks of when the
newest data is, and when the next is due. `watch.py` reports it when it changes, without a run.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets.bronze import arrivals
from tpch_assets.calendar import parse
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listing
from tpch_assets.lake.snapshot import apart
from tpch_assets.layers import LAYERS, Layer, in_words
from tpch_assets.models import registry
from tpch_assets.models.declared import load_models
from tpch_assets.orchestration.jobs import FRESH
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

Latest = Callable[[Lake, str], str | None]


def policy(layer: Layer) -> dg.FreshnessPolicy:
    """Return Dagster's own policy for a layer. What was never materialized is neither fresh nor late by it."""
    return dg.FreshnessPolicy.time_window(fail_window=layer.red, warn_window=layer.amber)


def freshness_checks(settings: Settings, business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the checks of all tables that data keeps coming to."""
    return [_freshness(layer, names, settings) for layer, names in _watched(business)]


def freshness(lake: Lake, settings: Settings, business: Business, now: datetime) -> Iterator[dg.AssetCheckResult]:
    """How fresh each table is now."""
    for layer, names in _watched(business):
        yield from _results(lake, layer, names, settings, now)


def _watched(business: Business) -> list[tuple[Layer, list[str]]]:
    streams, facts = [t.name for t in business.streams], [t.name for t in business.facts]
    gold = [*load_queries(business), *load_models(business)]
    names = {"raw": streams, "bronze": streams, "silver": facts, "gold": gold}
    return [(LAYERS[layer], found) for layer, found in names.items()]


def _freshness(layer: Layer, names: list[str], settings: Settings) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            FRESH,
            asset=[layer.name, name],
            description=f"The newest {layer.partition} with data ended at most {in_words(layer.amber)} ago. It is late "
            f"after that (warning), and very late after {in_words(layer.red)} (error).",
        )
        for name in names
    ]

    @dg.multi_asset_check(name=f"{layer.name}_freshness", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        chosen = [key.asset_key.path[-1] for key in context.selected_asset_check_keys]
        yield from _results(lake.open(), layer, chosen, settings, datetime.now(UTC))

    return check


def _results(
    lake: Lake, layer: Layer, names: Iterable[str], settings: Settings, now: datetime
) -> Iterator[dg.AssetCheckResult]:
    begun = record.begun(lake) or (settings.start if record.recorded(lake) else now)
    for name in names:
        key, faults = None, list[str]()
        with apart(faults):
            key = _latest(lake, layer, name)
        # Before there is anything, the clock starts with the calendar or the lake, whichever is later.
        end = parse(key) + layer.step if key else max(settings.start + layer.step, begun)
        state = "red" if faults else layer.state(now - end)
        yield dg.AssetCheckResult(
            passed=state == "green",
            severity=dg.AssetCheckSeverity.ERROR if state == "red" else dg.AssetCheckSeverity.WARN,
            asset_key=dg.AssetKey([layer.name, name]),
            check_name=FRESH,
            description=" ".join(faults) or _sentence(layer, key, state, end, now),
            metadata={"latest": key or "nothing yet", "lag (minutes)": (now - end).total_seconds() / 60}
            if key
            else {"latest": " ".join(faults) or "nothing yet"},
        )


def _sentence(layer: Layer, key: str | None, state: str, end: datetime, now: datetime) -> str:
    """Fresh, late or very late, in words."""
    newest = "Nothing yet."
    if key:
        newest = f"The newest {layer.partition} with data, {key}, ended {in_words(now - end)} ago."
    due = end + layer.amber
    when = f"{due:%H:%M}" if abs(due - now) < timedelta(hours=12) else f"{due:%Y-%m-%d %H:%M}"
    if state == "green":
        return f"{newest} The next is due by {when}." if key else f"{newest} The first is due by {when}."
    return f"{'Very late' if state == 'red' else 'Late'}: due since {when}. {newest}"


def _latest(lake: Lake, layer: Layer, name: str) -> str | None:
    """The newest partition with data. An answer without rows is an answer."""
    if layer.name == "raw":
        return arrivals.latest(lake, name, datetime.now(UTC))
    if layer.name == "gold" and (versions := registry.versions(lake, name)):
        return versions[-1].day
    held = listing(lake, lake.table(layer.name, name)).rows()
    return max((partition for partition, rows in held.items() if rows or layer.name == "gold"), default=None)
