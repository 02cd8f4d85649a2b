"""gold: one asset per model, with one version per day, and the check that says why a version is not the champion."""

from collections.abc import Iterator, Sequence

import dagster as dg

from tpch_assets.compute import cluster
from tpch_assets.compute.progress import Progress
from tpch_assets.compute.shapes import Collection
from tpch_assets.gold.days import days_with_rows
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import GOLD
from tpch_assets.models import registry
from tpch_assets.models.declared import BoundModel, broken_models, load_models
from tpch_assets.models.plan import Outcome, train_day
from tpch_assets.models.registry import ModelVersion
from tpch_assets.orchestration.assets.broken import broken_asset
from tpch_assets.orchestration.assets.common import RETRY, dashboard_of, on_dashboard, place, refusals
from tpch_assets.orchestration.freshness import policy
from tpch_assets.orchestration.jobs import range_of
from tpch_assets.orchestration.partitions import backfills, partitions
from tpch_assets.orchestration.report import nothing
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.orchestration.waiting import check_lake, check_run
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

CHECK = "not_kept_back"
Metadata = dict[str, dg.MetadataValue | str | int | float]


def model_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """Return one asset per model. That of a broken one fails with what is wrong with it."""
    sound = [_model(bound, settings, business) for bound in load_models(business).values()]
    return [*sound, *(broken_asset(model, "model", settings) for model in broken_models(business).values())]


def _model(bound: BoundModel, settings: Settings, business: Business) -> dg.AssetsDefinition:

    @dg.asset(
        key=["gold", bound.name],
        deps=[["silver", name] for name in bound.query.tables],
        description=f"{bound.query.title}. {bound.query.question}\n\n```sql\n{bound.query.plain}\n```",
        group_name="gold",
        kinds={"xgboost", "deltalake", "dask"},
        owners=settings.owners,
        partitions_def=partitions(GOLD, settings.start),
        backfill_policy=backfills(),
        pool=f"gold_{bound.name}",
        retry_policy=RETRY,
        freshness_policy=policy(GOLD),
        code_version=bound.digest,
        metadata={**place("models", bound.name), **on_dashboard(dashboard_of(settings), "model", model=bound.name)},
    )
    def model(context: dg.AssetExecutionContext, lake: LakeResource) -> None:
        opened = lake.open()
        check_lake(opened)
        check_run(context.run.run_id, context.log)

        def compute(tasks: Sequence[Collection]) -> list[object]:
            progress: Progress[object] = Progress(lambda level, text: context.log.log(level, text))
            return cluster.compute(tasks, progress)

        days = list(context.partition_keys)
        there = days_with_rows(opened, [bound.group], days)
        if not there:
            missing = f"silver has no rows of {' or '.join(bound.group.names)} in"
            raise dg.Failure(nothing("gold", missing, days), allow_retries=False)
        for day in there:
            with refusals():
                rows = settings.model_rows
                found = train_day(bound, business, opened, day, machine_rows=rows, compute=compute)
            if found.version.reason:
                context.log.warning(f"{found.version.version} is {found.version.status}: {found.version.reason}")
            context.add_asset_metadata(_facts(found, opened), asset_key=context.asset_key, partition_key=day)

    return model


def _facts(found: Outcome, lake: Lake) -> Metadata:
    """What a materialization shows of a version: figures that Dagster plots, each beside those that it has to beat."""
    one = found.version
    facts: Metadata = {
        "version": one.version,
        "status": one.status,
        "model": dg.MetadataValue.path(lake.path(one.path)) if one.path else "none",
        "shards": found.shards,
        "shards whose features were kept": found.shards_kept,
        "rows read": found.rows_read,
        **({"reason": one.reason} if one.reason else {}),
    }
    for name, value in one.metrics.items():
        facts[_shown(name)] = float(value)
    for rival, figures in one.baselines.items():
        facts |= {f"{_shown(name)} ({rival})": float(value) for name, value in figures.items() if name in _COMPARED}
    return facts


_COMPARED = ("auc", "log_loss", "calibration_error", "accuracy")


def _shown(name: str) -> str:
    return {"auc": "AUC"}.get(name, name.replace("_", " "))


def model_checks(business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the check of all models, which runs together with them; none without models."""
    models = load_models(business)
    if not models:
        return []
    description = (
        "The latest version of the run is not worse than the champion, no feature leaks the label, and no feature "
        "drifted. Otherwise the champion stays, and this says why."
    )
    specs = [dg.AssetCheckSpec(CHECK, asset=["gold", name], description=description, blocking=True) for name in models]

    @dg.multi_asset_check(name="models", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        opened = lake.open()
        for key in sorted(context.selected_asset_check_keys):
            yield _result(opened, key.asset_key, range_of(context.run.tags))

    return [check]


def _result(lake: Lake, key: dg.AssetKey, asked: tuple[str, str] | None) -> dg.AssetCheckResult:
    versions = registry.versions(lake, key.path[-1])
    champion = registry.champion_of(versions)
    within = [one for one in versions if asked is None or asked[0] <= one.day <= asked[1]]
    latest = max(within, key=lambda one: (one.day, one.trained_at), default=None)
    passed = latest is None or latest.status != "kept back"
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=key,
        check_name=CHECK,
        description=None if latest is None or passed else f"{latest.version} is kept back: {latest.reason}",
        metadata={
            "champion": champion.version if champion else "none",
            **({"version": latest.version, "status": latest.status} if latest else {}),
            **_compared(latest),
        },
    )


def _compared(latest: ModelVersion | None) -> dict[str, float]:
    return {_shown(name): float(latest.metrics[name]) for name in _COMPARED if latest and name in latest.metrics}
