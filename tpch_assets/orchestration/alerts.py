"""The sensor of alerts: every minute it looks for what is wrong, remembers it in the lake and tells the channels.

It is never in the way of the pipeline: no run waits for it, and whatever fails here is logged and looked for again at
the next tick. What is wrong is found in `alert_conditions` and `alerts/lake_conditions.py`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from tpch_assets.alerts import lake_conditions
from tpch_assets.alerts.channels import channels_of
from tpch_assets.alerts.conditions import Condition
from tpch_assets.alerts.delivery import deliver
from tpch_assets.alerts.follow import follow
from tpch_assets.alerts.messages import Links, links_of
from tpch_assets.alerts.outbox import store_alerts, stored_alerts
from tpch_assets.compute import budget
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration import alert_conditions
from tpch_assets.orchestration.instance import prepare_home
from tpch_assets.orchestration.liveness import trouble
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

EVERY = 60  # Seconds between two looks.
NAME = "alerts_sensor"
SEEN = "the dashboard has answered"
"""The cursor once a dashboard has answered: one that was never started is not down."""
Looks = Mapping[str, Callable[[], Iterable[Condition]]]
"""By kind, what finds its conditions."""


def alerts_sensor(
    settings: Settings, business: Business, checks: Sequence[dg.AssetChecksDefinition]
) -> dg.SensorDefinition:
    """Return the sensor.

    Args:
        checks: The checks whose failure is told.
    """
    keys = [key for check in checks for key in check.check_keys]

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED,
        description="Every minute: tell what is wrong, once when it begins and once when it is over.",
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
        cursor = context.cursor
        try:
            opened, now, links = lake.open(), datetime.now(UTC), links_of(settings)
            down = trouble(links.dashboard, timeout=2)
            watched = cursor == SEEN or settings.dashboard_mode != "off"
            cursor = cursor if down else SEEN
            looks = {
                **looks_of(settings, business, keys, context.instance, opened, now),
                "dashboard": lambda: dashboard_down(down if watched else None, links, now),
            }
            said = tell(settings, opened, *look(looks, context.log), links, now, context.log)
        except Exception as error:  # noqa: BLE001 - alerts must fail nothing else; the next tick tries again
            context.log.warning(f"Alerts could not be told: {type(error).__name__}: {error}")
            said = "Alerts could not be told; see the tick's log."
        return dg.SensorResult(skip_reason=said, cursor=cursor)

    return sensor


def looks_of(
    settings: Settings,
    business: Business,
    checks: Sequence[dg.AssetCheckKey],
    instance: dg.DagsterInstance,
    lake: Lake,
    now: datetime,
) -> Looks:
    """What finds each kind of condition, except for the dashboard's."""
    return {
        "run failed": lambda: alert_conditions.failed_runs(instance, now),
        "run stuck": lambda: alert_conditions.stuck_runs(instance, now),
        "check failed": lambda: alert_conditions.failed_checks(instance, checks),
        "set aside": lambda: alert_conditions.set_aside(instance, lake, business, now),
        "rejects": lambda: lake_conditions.rejects(lake, business, settings.alert_reject_rate),
        "late": lambda: lake_conditions.late(lake, business, now),
        "answer missing": lambda: lake_conditions.answers_missing(lake, business, now),
        "budget": lambda: spent(settings, now),
        "disk": lambda: lake_conditions.disks(lake, str(prepare_home()), settings.alert_disk_share, now),
    }


def look(looks: Looks, log: logging.Logger) -> tuple[list[Condition], set[str]]:
    """What is wrong, and the kinds that could not be looked for."""
    found: list[Condition] = []
    unknown: set[str] = set()
    for kind, conditions in looks.items():
        try:
            found += list(conditions())
        except Exception as error:  # noqa: BLE001 - one kind that cannot be looked for must not hide the others
            log.warning(f"Alerts of the kind “{kind}” stay as they are, since looking for them failed: {error}")
            unknown.add(kind)
    return found, unknown


def tell(
    settings: Settings,
    lake: Lake,
    found: Sequence[Condition],
    unknown: set[str],
    links: Links,
    now: datetime,
    log: logging.Logger,
) -> str:
    """Remember what is wrong and send what is due. Returns a sentence that says how many alerts are open."""
    known = stored_alerts(lake)
    alerts = follow(known, found, unknown, now)
    if alerts != known:
        store_alerts(lake, alerts)
    for fault in deliver(alerts, channels_of(settings), links, now, lambda sent: store_alerts(lake, sent)):
        log.warning(fault)
    count = sum(alert.lasts(now) for alert in alerts)
    return f"{count} alert{'' if count == 1 else 's'} open." if count else "Nothing is wrong."


def spent(settings: Settings, now: datetime) -> Iterator[Condition]:
    """That 80 % and that all of the day's budget is spent."""
    found = budget.spending(settings)
    if found is None or found.state == "ok":
        return
    for share in (budget.ALERT, 1.0) if found.state == "over" else (budget.ALERT,):
        detail = f"${found.budget:,.2f} for {found.day}"
        yield Condition("budget", f"spent by {share:.0%}", f"spent by {share:.0%}", now, "", detail)


def dashboard_down(why: str | None, links: Links, now: datetime) -> Iterator[Condition]:
    """That the dashboard does not answer, if it does not."""
    if why:
        yield Condition("dashboard", "dashboard", links.dashboard, now)
