"""What a page says if it cannot show data: what is wrong, and what to run.

Other words of pages do not belong here.
"""

from dashboards.pages.markup import escape
from dashboards.store.state import LakeState

_WORDS = {
    "loading": ("Reading the lake …", "The dashboard reads the tables' logs for the first time."),
    "no lake": (
        "There is no lake yet",
        "{lake} is empty. Run <code>make demo</code> or <code>tpch-assets replay</code>. "
        "This page fills by itself as soon as there is data.",
    ),
    "no gold": (
        "No results yet",
        "The lake at {lake} has data, but no complete day. Gold follows once silver holds a day's four windows: "
        "run <code>tpch-assets replay --batches 96</code> for a whole day, or wait for the end of this one (UTC).",
    ),
    "unreachable": (
        "The lake cannot be reached",
        "{reason} <br>Check that {lake} exists and that the dashboard may read it (setting <code>TPCH_LAKE</code>). "
        "The dashboard retries every few seconds. Data below, if any, was read before.",
    ),
}


def banner(state: LakeState, lake: str) -> str:
    """A state in words, as HTML. Empty if all is well."""
    if state.kind == "ok":
        return ""
    title, words = _WORDS[state.kind]
    text = words.format(lake=f"<code>{escape(lake)}</code>", reason=escape(state.reason))
    kind = "error" if state.kind == "unreachable" else "info"
    return f'<div class="banner {kind}" role="status"><h2>{escape(title)}</h2><p>{text}</p></div>'
