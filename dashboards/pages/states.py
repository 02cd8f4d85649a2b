"""What a page says if it cannot show data: what is wrong, and what to run.

Other words of pages do not belong here.
"""

from datetime import UTC, datetime

from dashboards.pages.markup import escape
from dashboards.store import business
from dashboards.store.state import LakeState

_WORDS = {
    "loading": ("Reading the lake …", "The dashboard reads the tables' logs for the first time."),
    "no lake": (
        "There is no lake yet",
        "{lake} is empty. {fill} This page fills by itself as soon as there is data.",
    ),
    "no gold": (
        "No results yet",
        "The lake at {lake} has data, but no complete day. Gold follows once silver holds a day's four windows: "
        "{whole_day} wait for the end of this one (UTC).",
    ),
    "unreachable": (
        "The lake cannot be reached",
        "{reason} <br>Check that {lake} exists and that the dashboard may read it (setting <code>TPCH_LAKE</code>). "
        "The dashboard retries every few seconds, and keeps what it shows.",
    ),
}

_FILL = {
    True: "Run <code>make demo</code> or <code>tpch-assets replay</code>.",
    False: "Put JSON lines into <code>raw/&lt;table&gt;/&lt;batch&gt;/</code>, where a batch is a folder such as "
    "<code>2026-01-01T0015</code>, and run <code>make dev</code>.",
}
_WHOLE_DAY = {
    True: "run <code>tpch-assets replay --batches 96</code> for a whole day, or",
    False: "deliver the rest of the day, and",
}


def unknown(name: str, value: str, near: str) -> str:
    """That the address names something that there is not, as HTML.

    Args:
        near: The nearest one that there is; empty if none is near.
    """
    ask = f" Did you mean <strong>{escape(near)}</strong>?" if near else ""
    text = f"The address asks for the {escape(name)} <strong>{escape(value)}</strong>, which is not there.{ask}"
    return f'<div class="banner info" role="status"><p>{text} Below is what the choices say.</p></div>'


def _clock(moment: datetime) -> str:
    """A time of today; with its date if that is another."""
    return f"{moment:%H:%M}" if moment.date() == datetime.now(UTC).date() else f"{moment:%Y-%m-%d %H:%M}"


def banner(state: LakeState, lake: str) -> str:
    """A state in words, as HTML. Empty if all is well."""
    if state.kind == "ok":
        return ""
    title, words = _WORDS[state.kind]
    if state.since and state.seen:
        title = f"The lake is not reachable since {_clock(state.since)}, showing {_clock(state.seen)} (UTC)"
    generates = business.generates()
    text = words.format(
        lake=f"<code>{escape(lake)}</code>",
        reason=escape(state.reason),
        fill=_FILL[generates],
        whole_day=_WHOLE_DAY[generates],
    )
    kind = "error" if state.kind == "unreachable" else "info"
    return f'<div class="banner {kind}" role="status"><h2>{escape(title)}</h2><p>{text}</p></div>'
