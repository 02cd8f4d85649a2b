"""What a page says where there is nothing to show: what is the matter, and what to run. It goes away by itself."""

from dashboards.data import LakeState
from dashboards.text import escape

_WORDS = {
    "loading": ("Reading the lake …", "The tables' logs are being read for the first time."),
    "no lake": (
        "There is no lake yet",
        "Nothing is at {lake}. Run <code>make demo</code>, or <code>tpch-assets replay</code>: "
        "this page fills by itself as soon as there is data.",
    ),
    "no gold": (
        "No results yet",
        "The lake at {lake} has data, but no day is complete. Gold is made when a day's four windows are in silver: "
        "run <code>tpch-assets replay --batches 96</code> for a whole day, or wait for the end of this one (UTC).",
    ),
    "unreachable": (
        "The lake cannot be reached",
        "{reason} <br>Check that {lake} is there and may be read (setting <code>TPCH_LAKE</code>). "
        "It is tried again every few seconds; what is shown below, if anything, was read before.",
    ),
}


def banner(state: LakeState, lake: str) -> str:
    """The words for a state as HTML; empty where all is well."""
    if state.kind == "ok":
        return ""
    title, words = _WORDS[state.kind]
    place = f"<code>{escape(lake)}</code>"
    text = words.format(lake=place, reason=escape(state.reason))
    kind = "error" if state.kind == "unreachable" else "info"
    return f'<div class="banner {kind}" role="status"><h2>{escape(title)}</h2><p>{text}</p></div>'


def empty(words: str) -> str:
    """A sentence in the place of what has no rows."""
    return f'<p class="empty">{escape(words)}</p>'
