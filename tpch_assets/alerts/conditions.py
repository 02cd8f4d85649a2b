"""What may be wrong, as plain data.

How it is found belongs in `lake_conditions` and `orchestration/alerts.py`, and how it is told in `messages`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Kind:
    """One kind of thing that may be wrong.

    Attributes:
        one: How a message calls one of them: `{subject}` is replaced by its asset or place.
        many: How it calls several: `{count}` and `{scope}` are replaced.
        over: How it says that they are over.
        do: What to do about it, a sentence.
        patience: It is told only if it lasts so long, as it often passes by itself.
        event: It happened at a moment; others last.
    """

    one: str
    many: str
    over: str
    do: str
    patience: timedelta = timedelta(0)
    event: bool = False


KINDS = {
    "run failed": Kind(
        "a run of {subject} failed",
        "{count} runs of {scope} failed",
        "has succeeded since",
        "Read its log, mend the cause and run it again.",
        event=True,
    ),
    "run stuck": Kind(
        "a run of {subject} makes no progress",
        "{count} runs of {scope} make no progress",
        "goes on or has ended",
        "Look at its log; terminate it in Dagster if it hangs.",
    ),
    "run queued": Kind(
        "a run of {subject} waits in the queue",
        "{count} runs of {scope} wait in the queue",
        "has begun or has been canceled",
        "See in Dagster which runs are in progress: one may hold its pool, or all of them the slots.",
    ),
    "check failed": Kind(
        "the check {subject} failed",
        "{count} checks of {scope} failed",
        "passes again",
        "See what the check counted, mend it and materialize the asset again.",
        event=True,
    ),
    "rejects": Kind(
        "too many lines of {subject} are rejected",
        "too many lines of {count} tables of {scope} are rejected",
        "are few enough again",
        "See the reasons in the rejects table, and have the files delivered again.",
    ),
    "late": Kind(
        "{subject} is late",
        "{count} tables of {scope} are late",
        "is up to date again",
        "See whether its schedule ticks and its runs succeed.",
        timedelta(minutes=5),
    ),
    "set aside": Kind(
        "raw files of {subject} are set aside, as they cannot be read",
        "raw files of {count} batches of {scope} are set aside, as they cannot be read",
        "are read now",
        "Have them delivered again, or remove them from raw.",
    ),
    "answer missing": Kind(
        "{subject} lacks an answer that other questions have",
        "{count} questions of {scope} lack an answer that others have",
        "has its answer now",
        "Look at the last run of the asset; the next schedule asks for it again.",
        timedelta(minutes=5),
    ),
    "budget": Kind(
        "{subject} of the day's budget is spent",
        "{scope} of the day's budget is spent",
        "holds no longer",
        "Raise TPCH_BUDGET_DOLLARS_PER_DAY, or let runs wait until midnight (UTC).",
    ),
    "lake": Kind(
        "the lake {subject} cannot be used",
        "{count} lakes cannot be used",
        "can be used again",
        "See whether its storage, the network and the credentials are there; meanwhile nothing else is told.",
        timedelta(minutes=2),
    ),
    "disk": Kind(
        "the disk of {subject} is almost full",
        "{count} disks of {scope} are almost full",
        "has room again",
        "Make room or use a larger disk; runs fail once it is full.",
    ),
    "dashboard": Kind(
        "the dashboard {subject} does not answer",
        "{count} dashboards do not answer",
        "answers again",
        "Start it again and look at its output.",
        timedelta(minutes=2),
    ),
}


@dataclass(frozen=True)
class Condition:
    """One thing that is wrong now.

    Attributes:
        kind: One of `KINDS`.
        scope: What is told in one message with it: a layer, mostly.
        subject: The asset or place. Kind, scope, subject and partition together name it.
        partition: Which partition, or range of them; may be empty.
        detail: What there is to say of it alone, without a full stop; may be empty.
        since: When it began.
        path: Its page in the Dagster UI, such as `/runs/…`; may be empty.
    """

    kind: str
    scope: str
    subject: str
    since: datetime
    partition: str = ""
    detail: str = ""
    path: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is, however long it lasts."""
        return self.kind, self.scope, self.subject, self.partition
