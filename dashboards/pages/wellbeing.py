"""The state of everything in a sentence or two: which answers are late, and what the pipeline needs.

The state of each table does not belong here, but on the pipeline page, to which the sentence links.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboards.pages.markup import escape
from dashboards.pages.text import moment, span
from dashboards.store import health
from dashboards.store.health import Health, State
from dashboards.store.store import Store

LATE: tuple[State, ...] = ("amber", "red")
NAMED = 3
"""Tables and answers that are named, before they are only counted."""


def wellbeing(store: Store, answers: Sequence[Health], now: datetime) -> str:
    """Whether all is well, as HTML.

    Args:
        answers: The state of each answer.
    """
    layers = {layer: health.layer_health(store, layer, now) for layer in health.LAYERS if layer != "gold"}
    tables = [item for items in layers.values() for item in items]
    late = [item for item in answers if item.state in LATE]
    troubled = sorted((item for item in tables if item.state in LATE), key=lambda item: not item.latest)
    state = health.worst([item.state for item in (*answers, *tables)])
    words = [_answers(answers, late), *([_tables(troubled)] if troubled else [])]
    newest = max((item.latest for item in tables if item.layer == "bronze" and item.latest), default="")
    if newest:
        words.append(f"The newest data is of {moment(newest)}.")
    title = {"green": "All is well", "amber": "Something is late", "red": "Something is very late"}.get(state, "")
    return (
        f'<div class="wellbeing {state}"><h2><span class="state {state}">{escape(title or "Nothing is timed")}</span>'
        f'</h2><p>{escape(" ".join(words))} <a href="./pipeline">See the pipeline</a></p></div>'
    )


def _answers(answers: Sequence[Health], late: Sequence[Health]) -> str:
    missing = sum(not item.latest for item in answers)
    there = len(answers) - missing
    if not late:
        return f"{_all(there)} up to date." if there else "No question has an answer yet."
    lag = max((item.lag for item in late if item.lag), default=timedelta(0))
    behind = f"{len(late) - missing} of {len(answers)} answers are late, by {span(lag)} at most." if lag else ""
    lacking = f"{missing} of {len(answers)} questions have no answer yet." if missing else ""
    return f"{behind} {lacking}".strip()


def _all(count: int) -> str:
    return "The answer is" if count == 1 else f"All {count} answers are"


def _tables(troubled: Sequence[Health]) -> str:
    """What is wrong below the answers."""
    named = [f"{item.layer}/{item.name} ({_why(item)})" for item in troubled[:NAMED]]
    more = f" and {len(troubled) - NAMED} more tables" if len(troubled) > NAMED else ""
    return f"Of the tables, look at {', '.join(named)}{more}."


def _why(item: Health) -> str:
    return item.note or (f"late by {span(item.lag)}" if item.lag else "late")
