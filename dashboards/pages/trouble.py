"""What needs a look, as HTML: windows that wait, checks that failed, lines that were rejected, each with a link.

Finding these out does not belong here: windows are told by the lake, checks by Dagster's storage.
"""

from collections.abc import Mapping, Sequence

from dashboards.pages.markup import escape, sentence
from dashboards.pages.text import moment
from dashboards.store.health import Health
from dashboards.store.runs import FailedCheck
from tpch_assets.lake.faults import Fault

MOST = 8
"""Entries of one kind; the others are counted."""


def panel(
    held: Mapping[str, str] | None,
    blocked: Sequence[Fault] | None,
    checks: Sequence[FailedCheck] | None,
    bronze: Sequence[Health],
    dagster_url: str,
) -> str:
    """All that needs a look.

    Args:
        held: By window, why it is not built. None while that is found out.
        blocked: What gold does not read. None while that is found out.
        checks: None if this process cannot read them.
        bronze: The state of bronze's tables.
    """
    rejects = [_rejects(item) for item in bronze if item.rejects]
    found = [*_some([_window(window, why) for window, why in sorted((held or {}).items(), reverse=True)], "windows")]
    found += _some([_blocked(fault) for fault in blocked or []], "parts that gold does not read")
    found += _some([_check(check, dagster_url) for check in checks or []], "checks")
    found += _some(rejects, "tables with rejected lines")
    items = f"<ul>{''.join(f'<li>{item}</li>' for item in found)}</ul>" if found else ""
    words = [
        "Windows that wait are not known yet." if held is None else "" if held or blocked else "No window waits.",
        "Checks are told by Dagster alone." if checks is None else "" if checks else "No check has failed.",
        "" if rejects else "No line was rejected.",
    ]
    return "<h2>Needs a look</h2>" + items + sentence(" ".join(filter(None, words)))


def _window(window: str, why: str) -> str:
    return (
        f'<span class="state red">blocked</span> <a href="?layer=silver">silver, window {escape(moment(window))}</a>: '
        f"{escape(why)}"
    )


def _blocked(fault: Fault) -> str:
    page = f"?layer={escape(fault.layer)}&amp;table={escape(fault.name)}"
    asset = f"{fault.layer}/{fault.name}"
    return f'<span class="state red">blocked</span> <a href="{page}">{escape(asset)}</a>: gold waits, since ' + escape(
        f"{fault.sentence}."
    )


def _check(check: FailedCheck, dagster_url: str) -> str:
    layer, _, name = check.asset.partition("/")
    page = f'<a href="?layer={escape(layer)}&amp;table={escape(name)}">{escape(check.asset)}</a>'
    href = escape(f"{dagster_url}/runs/{check.run}")
    run = f'<a href="{href}" target="_blank" rel="noopener">Its run in Dagster ↗</a>'
    state = "red" if check.error else "amber"
    words = f"“{check.name.replace('_', ' ')}” failed at {check.time:%Y-%m-%d %H:%M}"
    more = f": {check.words}" if check.words else ""
    return f'<span class="state {state}">check failed</span> {page}: {escape(words + more)}. {run}'


def _rejects(item: Health) -> str:
    href = f"?layer=bronze&amp;table={escape(item.name)}"
    lines = f"{item.rejects:,} line{'s' * (item.rejects != 1)}"
    return f'<span class="state amber">rejected</span> <a href="{href}">{lines} of {escape(item.name)}</a>'


def _some(items: list[str], what: str) -> list[str]:
    more = len(items) - MOST
    return items if more <= 0 else [*items[:MOST], f"and {more:,} more {what}"]
