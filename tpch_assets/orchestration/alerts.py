"""The sensor of alerts: every minute it looks for what is wrong, remembers it in the lake and tells the channels.

It is never in the way of the pipeline: no run waits for it, and whatever fails here is logged and looked for again at
the next tick. What is wrong is found in `alert_conditions` and `alerts/lake_conditions.py`. While the lake cannot be
used, that alone is told, and remembered in the sensor's cursor.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from tpch_assets.alerts import lake_conditions
from tpch_assets.alerts.channels import channels_of
from tpch_assets.alerts.conditions import Condition
from tpch_assets.alerts.cursor import Cursor
from tpch_assets.alerts.delivery import deliver
from tpch_assets.alerts.follow import Alert, follow
from tpch_assets.alerts.messages import Links, links_of
from tpch_assets.alerts.outbox import store_alerts, stored_alerts
from tpch_assets.compute import budget
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration import alert_conditions
from tpch_assets.orchestration.instance import prepare_home
from tpch_assets.orchestration.liveness import trouble
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

EVERY = 60  # Seconds between two looks.
NAME = "alerts_sensor"
Looks = Mapping[str, Callable[[], Iterable[Condition]]]
"""By kind, what finds its conditions."""


def alerts_sensor(
    settings: Settings, business: Business, checks: Sequence[dg.AssetChecksDefinition]
) -> dg.SensorDefinition:
    """Return the sensor.

    Args:
        checks: The checks whose failure is told.
    """
    told = alert_conditions.Checks(key for check in checks for key in check.check_keys)

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED,
        description="Every minute: tell what is wrong, once when it begins and once when it is over.",
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
        text = context.cursor
        try:
            said, text = _tick(settings, business, told, context, lake.open())
        except Exception as error:  # noqa: BLE001 - alerts must fail nothing else; the next tick tries again
            context.log.warning(f"Alerts could not be told: {type(error).__name__}: {error}")
            said = "Alerts could not be told; see the tick's log."
        return dg.SensorResult(skip_reason=said, cursor=text)

    return sensor


def _tick(
    settings: Settings,
    business: Business,
    checks: alert_conditions.Checks,
    context: dg.SensorEvaluationContext,
    lake: Lake,
) -> tuple[str, str]:
    """Look, remember and tell. Returns a sentence that says what is so, and the next tick's cursor."""
    now, links, cursor = datetime.now(UTC), links_of(settings), Cursor.of(context.cursor)
    down = trouble(links.dashboard, timeout=2)
    watched = cursor.dashboard or settings.dashboard_mode != "off"
    cursor = replace(cursor, dashboard=cursor.dashboard or not down)
    said, why = "", unusable(lake, cursor)
    if why is None:
        looks = {
            **looks_of(settings, business, checks, context.instance, lake, now),
            "dashboard": lambda: dashboard_down(down if watched else None, links, now),
        }
        try:
            said = tell(settings, lake, *look(looks, context.log), links, now, context.log)
            cursor = replace(cursor, lake=cursor.lake or record.recorded(lake) is not None)
        except Exception as error:  # noqa: BLE001 - what cannot be remembered in the lake is told without it
            why = str(error).rstrip(".") or type(error).__name__
    if why is not None:
        context.log.warning(f"Alerts stay as they are, since the lake cannot be used: {why}.")
        said = f"The lake cannot be used: {why}."
    return said, tell_of_lake(settings, lake, why, cursor, links, now, context.log).text


def unusable(lake: Lake, cursor: Cursor) -> str | None:
    """Why the lake cannot be used at all; None if it can."""
    try:
        lake.store.check(write=False)
        if cursor.lake and record.recorded(lake) is None:
            return f"{record.FILE} is not there any more"  # A folder whose disk is not mounted looks empty.
    except (OSError, RuntimeError) as error:
        return str(error).rstrip(".")
    return None


def tell_of_lake(
    settings: Settings, lake: Lake, why: str | None, cursor: Cursor, links: Links, now: datetime, log: logging.Logger
) -> Cursor:
    """Tell that the lake cannot be used, or can again, without it. Returns what is to be remembered."""
    wrong = [] if why is None else [Condition("lake", "lake", lake.uri, now, "", why)]
    cursor, channels = cursor.found(wrong, now), channels_of(settings)
    sent = list(cursor.alerts)

    def note(alerts: list[Alert]) -> None:
        sent[:] = alerts

    for fault in deliver(cursor.alerts, channels, links, now, note):
        log.warning(fault)
    return cursor.told(sent, [channel.name for channel in channels])


def looks_of(
    settings: Settings,
    business: Business,
    checks: alert_conditions.Checks,
    instance: dg.DagsterInstance,
    lake: Lake,
    now: datetime,
) -> Looks:
    """What finds each kind of condition, except for the dashboard's."""
    return {
        "run failed": lambda: alert_conditions.failed_runs(instance, now),
        "run queued": lambda: alert_conditions.queued_runs(instance, now),
        "run stuck": lambda: alert_conditions.stuck_runs(instance, now),
        "check failed": lambda: checks.failed(instance, now),
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
        part, detail = f"{share * 100:.0f} %", f"${found.budget:,.2f} for {found.day}"
        yield Condition("budget", part, part, now, "", detail)


def dashboard_down(why: str | None, links: Links, now: datetime) -> Iterator[Condition]:
    """That the dashboard does not answer, if it does not."""
    if why:
        yield Condition("dashboard", "dashboard", links.dashboard, now)
