"""Data checks of gold, which run after each run of it. `gold/plausible.py` judges the answers."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from tpch_assets.calendar import day_key, parse
from tpch_assets.gold.plausible import Verdict, judge
from tpch_assets.gold.queries import Query, load_queries
from tpch_assets.layers import JUMP
from tpch_assets.orchestration.jobs import range_of
from tpch_assets.orchestration.report import nothing
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

RECONCILES, PLAUSIBLE = "stands_on_all_of_silver", "is_not_empty_and_does_not_jump"
ABOUT = {
    RECONCILES: "Each answer is made of exactly the rows that silver has up to its day.",
    PLAUSIBLE: "No answer is empty although there is data, and no total is more than "
    f"{JUMP:g} times as large or as small as in the answer before, made by the same code.",
}


def gold_checks(settings: Settings, business: Business) -> dg.AssetChecksDefinition:
    """Return the checks of all answers. Each looks at the days of the run; alone, at all days."""
    queries = load_queries(business)
    specs = [
        dg.AssetCheckSpec(check, asset=["gold", name], description=text)
        for name in queries
        for check, text in ABOUT.items()
    ]

    @dg.multi_asset_check(name="gold_answers", specs=specs, can_subset=True)
    def gold_answers(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        wanted: dict[str, set[str]] = {}
        for key in context.selected_asset_check_keys:
            wanted.setdefault(key.asset_key.path[-1], set()).add(key.name)
        days, opened = _days(context), lake.open()
        for name, checks in wanted.items():
            found = judge(queries[name], business, opened, days, settings.scale_factor)
            if RECONCILES in checks:
                yield _reconciles(queries[name], found)
            if PLAUSIBLE in checks:
                yield _plausible(queries[name], found)

    return gold_answers


def _days(context: dg.AssetCheckExecutionContext) -> list[str] | None:
    asked = range_of(context.run.tags)
    if asked is None:
        return None
    begin, last = map(parse, asked)
    return [day_key(begin + timedelta(days=n)) for n in range((last - begin).days + 1)]


def _reconciles(query: Query, found: Verdict) -> dg.AssetCheckResult:
    text = f"The newest answer stands on all {found.rows:,} rows of facts that silver has up to its day."
    if found.apart:
        text = nothing("gold", "Silver has changed since it was answered as of", found.apart)
    return dg.AssetCheckResult(
        passed=not found.apart,
        asset_key=dg.AssetKey(["gold", query.name]),
        check_name=RECONCILES,
        description=text,
        metadata={"rows of silver": found.rows, "days that differ": found.apart},
    )


def _plausible(query: Query, found: Verdict) -> dg.AssetCheckResult:
    said = [nothing("gold", "Empty although there is data:", found.empty)] if found.empty else []
    if found.jumps:
        said.append(f"More than {JUMP:g} times as large or as small: {'; '.join(found.jumps[:3])}.")
    return dg.AssetCheckResult(
        passed=not said,
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=dg.AssetKey(["gold", query.name]),
        check_name=PLAUSIBLE,
        description=" ".join(said) or "No answer is empty, and none jumps.",
        metadata={"empty": found.empty, "jumps": found.jumps},
    )
