"""`tpch-assets alerts`: print what is open, or send a test message to every channel."""

import argparse
import sys

from tpch_assets.alerts.channels import ChannelError, channels_of
from tpch_assets.alerts.messages import Message, line, links_of
from tpch_assets.commands.options import CommandError, Commands, add_command, add_lake, settings_of
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import Settings

UNSET = "no channel is set: set TPCH_ALERT_WEBHOOK_URL, or TPCH_ALERT_EMAIL_TO and TPCH_ALERT_SMTP_HOST"


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "alerts", "print the alerts that are open, or send a test message")
    command.add_argument("--test", action="store_true", help="send a test message to every channel that is set")
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    settings = settings_of(arguments)
    if arguments.test:
        _test(settings)
    else:
        _list(settings)


def _list(settings: Settings) -> None:
    from tpch_assets.alerts.outbox import open_alerts

    lake = Lake(settings.lake)
    lake.check()
    found = open_alerts(lake)
    for alert in found:
        print(f"{line(alert)}.")
    if not found:
        print("No alert is open.")
    if not channels_of(settings):
        print(f"tpch-assets: {UNSET}", file=sys.stderr)


def _test(settings: Settings) -> None:
    links = links_of(settings)
    text = f"This is a test of alerts, and nothing is wrong. Dagster: {links.dagster} Dashboard: {links.dashboard}"
    channels = channels_of(settings)
    if not channels:
        raise CommandError(UNSET)
    faults = []
    for channel in channels:
        try:
            channel.send(Message("A test of alerts", text))
            print(f"{channel.name}: sent")
        except ChannelError as error:
            faults.append(str(error))
    if faults:
        raise CommandError("; ".join(faults))
