"""Watches what time alone changes: the age of data, and what does not arrive or is not read. It takes no runs.

Dagster records a check only when its result changes. The cursor holds what was last reported.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from tpch_assets.layers import BATCH
from tpch_assets.orchestration.feed_checks import feed
from tpch_assets.orchestration.freshness import freshness
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

EVERY = int((BATCH / 3).total_seconds())


def watch(settings: Settings, business: Business) -> dg.SensorDefinition:
    """Return the sensor that evaluates the checks of freshness and of the feed."""

    @dg.sensor(
        name="freshness_sensor",
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED,
        description="Every few minutes: check how old the data of each layer is, and what has not arrived or is not "
        "read. It starts no runs, and records a check when its result changes.",
    )
    def freshness_sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
        before: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        now, opened = datetime.now(UTC), lake.open()
        results = [
            *freshness(opened, settings, business, now),
            *feed(opened, settings, business, context.instance, now),
        ]
        after = {_name(result): _state(result) for result in results}
        changed = [_evaluation(result) for result in results if before.get(_name(result)) != after[_name(result)]]
        wrong = sum(not result.passed for result in results)
        said = f"{len(results) - wrong} of {len(results)} checks pass; {len(changed)} changed."
        return dg.SensorResult(asset_events=changed, skip_reason=said, cursor=json.dumps(after))

    return freshness_sensor


def _name(result: dg.AssetCheckResult) -> str:
    return f"{result.asset_key.to_user_string() if result.asset_key else ''}:{result.check_name}"


def _state(result: dg.AssetCheckResult) -> str:
    """What counts as a change: the outcome, and what is wrong, but not for how long."""
    told = "" if result.passed else "\n".join(_wrong(result))
    return f"{result.passed} {result.severity.value} {hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _wrong(result: dg.AssetCheckResult) -> Iterator[str]:
    yield from (f"{name}: {value.value}" for name, value in result.metadata.items() if not name.startswith("lag"))


def _evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    assert result.asset_key is not None and result.check_name is not None
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )
