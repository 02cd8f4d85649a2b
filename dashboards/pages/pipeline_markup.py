"""The parts of the pipeline page that are HTML: states, lags and sizes in words, tables and cards.

Drawing charts and reading the lake do not belong here.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pandas as pd

from dashboards.charts.figures import short
from dashboards.pages.markup import cards, escape, in_dagster, table
from dashboards.pages.text import moment, size, span
from dashboards.store.health import Health, State, worst
from dashboards.store.raw import BATCHES_KEPT
from dashboards.store.state import Commit
from tpch_assets.layers import BATCHES_PER_DAY, LAYERS

Compaction = tuple[int, int] | None
"""Files before and after compaction."""

STEP = {name: layer.partition for name, layer in LAYERS.items()}
"""What a partition of each layer is called."""

WORDS: dict[State, str] = {"green": "on time", "amber": "late", "red": "very late", "none": "not timed"}


def layer_cards(layers: Mapping[str, Sequence[Health]]) -> str:
    """The state of each layer as a row of cards."""
    return f'<div class="cards">{"".join(_layer_card(layer, items) for layer, items in layers.items())}</div>'


def table_cards(item: Health, compaction: Compaction) -> str:
    """The state of one table as a row of cards."""
    lag = span(item.lag) if item.lag is not None else "—"
    rows = short(item.rows) if item.rows is not None else "—"
    figures = [
        (f"Latest {STEP[item.layer]}", moment(item.latest) if item.latest else "—", item.note or WORDS[item.state]),
        ("Lag", lag, "since the end of the latest one" if item.lag else ""),
        ("Rows", rows, f"{item.partitions:,} partition{'s' * (item.partitions != 1)}, {size(item.size)}"),
    ]
    if compaction:
        before, after = compaction
        figures.append(("Files before → after compaction", f"{before:,} → {after:,}", "in bronze → in silver"))
    else:
        figures.append(("Files", f"{item.files:,}", ""))
    return cards(figures)


def overview(layer: str, items: Sequence[Health], compactions: Mapping[str, Compaction], dagster_url: str) -> str:
    """All tables of a layer, each with a link to its page and to Dagster.

    Args:
        compactions: By table; used for silver.
    """
    more = {"bronze": ["Rejects"], "silver": ["Files before → after"]}.get(layer, [])
    headings = ["Table", "State", f"Latest {STEP[layer]}", "Lag", "Rows", "Files", "Bytes", *more, "Dagster"]
    lines = [_line(item, compactions.get(item.name), dagster_url) for item in items]
    return table(headings, lines, f"Tables of the layer {layer}")


def newest_commits(commits: Sequence[Commit], layer: str, name: str) -> str:
    """A table's newest commits."""
    rows = [
        [str(commit.version), escape(f"{commit.time:%Y-%m-%d %H:%M:%S}"), escape(commit.operation)]
        for commit in commits
    ]
    return "<h2>Newest commits</h2>" + table(["Version", "Time (UTC)", "Operation"], rows, f"Of {layer}/{name}")


def reject_reasons(lines: pd.DataFrame, total: int, name: str, chosen: str) -> str:
    """How often each reason occurs among the newest rejected lines, each with a link to its lines alone.

    Args:
        name: Of the table.
        chosen: The reason of which lines are shown; if it is none, all are.
    """
    counts = lines["_reason"].value_counts().head(8)
    all_lines = f"?layer=bronze&amp;table={quote(name)}"
    rows = [
        [
            escape(f"{count:,}"),
            f'<a href="{all_lines}&amp;reason={quote(str(reason), safe="")}"'
            f"{' aria-current=true' if reason == chosen else ''}>{escape(reason)}</a>",
        ]
        for reason, count in counts.items()
    ]
    scope = f"{total:,} lines" if total <= len(lines) else f"the newest {len(lines):,} of {total:,} lines"
    alone = (
        f'<p>Below are those with the reason “{escape(chosen)}” alone. <a href="{all_lines}">Show all reasons</a></p>'
        if chosen in set(lines["_reason"])
        else ""
    )
    return "<h2>Rejected lines</h2>" + table(["Lines", "Reason"], rows, f"Reasons of {scope}") + alone


def _layer_card(layer: str, items: Sequence[Health]) -> str:
    state = worst([item.state for item in items])
    late = sum(item.state in ("amber", "red") for item in items)
    words = {"none": "not timed", "green": "all on time"}.get(state, f"{late} of {len(items)} need a look")
    lags = [item.lag for item in items if item.lag is not None]
    lag = f"longest lag {span(max(lags))}" if lags else "no lag"
    held = size(sum(item.size for item in items))
    if layer == "raw":
        held += f" in the newest {BATCHES_KEPT // BATCHES_PER_DAY} days"
    return (
        f'<div class="card"><h3>{layer}</h3><p><span class="state {state}">{escape(words)}</span></p>'
        f'<p class="note">{escape(f"{lag}; {held}")}</p></div>'
    )


def _line(item: Health, compaction: Compaction, dagster_url: str) -> list[str]:
    cells = [
        f'<a href="?layer={item.layer}&amp;table={escape(item.name)}">{escape(item.name)}</a>',
        f'<span class="state {item.state}">{escape(item.note or WORDS[item.state])}</span>',
        escape(moment(item.latest)) if item.latest else "—",
        span(item.lag) if item.lag is not None else "—",
        f"{item.rows:,}" if item.rows is not None else "—",
        f"{item.files:,}",
        size(item.size),
    ]
    if item.layer == "bronze":
        cells.append(f"{item.rejects:,}")
    if item.layer == "silver":
        cells.append(f"{compaction[0]:,} → {compaction[1]:,}" if compaction else "—")
    return [*cells, in_dagster(dagster_url, f"{item.layer}/{item.name}", "open")]
