"""What tasks log on workers, brought to the process that asked for them. No Dagster.

Every call of `cluster.compute` marks its tasks with an annotation; a handler on each worker sends what such a task logs
to the topic of the client that waits for it, so that two runs on one cluster never see each other's lines.
"""

import logging
import threading
from collections import Counter
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from tpch_assets.compute.progress import ANNOTATION

LINES, LENGTH = 500, 8_000  # A task in a loop must not flood the scheduler: lines per call and worker, characters each.


class TaskLogs(WorkerPlugin):
    """Sends the log lines of annotated tasks as events; whatever else a worker logs goes where it went before."""

    name = "tpch-assets-task-logs"
    idempotent = True

    def setup(self, worker: Worker) -> None:
        self.handler = _Handler()
        logging.getLogger().addHandler(self.handler)

    def teardown(self, worker: Worker) -> None:
        logging.getLogger().removeHandler(self.handler)


class _Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._sent: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            found = _task()
            if found is None:
                _as_without_us(self, record)
                return
            worker, mark = found
            self._sent[mark] += 1
            if self._sent[mark] <= LINES:
                topic, call = mark.split("/")
                worker.log_event(topic, {"call": call, **self._message(record, worker, self._sent[mark])})
        except Exception:  # noqa: BLE001 - as logging does: a line that cannot be told must not fail the task
            self.handleError(record)

    def _message(self, record: logging.LogRecord, worker: Worker, count: int) -> dict[str, Any]:
        text = self.format(record)[:LENGTH]
        if count == LINES:
            text += f" (line {LINES} of this worker; the rest is left out)"
        return {"level": record.levelno, "logger": record.name, "worker": worker.address, "text": text}


def _task() -> tuple[Worker, str] | None:
    """The worker and the mark of the task that this thread executes, if it is one of ours."""
    try:
        worker = get_worker()
        key = worker.active_threads[threading.get_ident()]
        mark = (worker.state.tasks[key].annotations or {}).get(ANNOTATION)
    except (ValueError, KeyError):
        return None
    return (worker, mark) if mark else None


def _as_without_us(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Python prints warnings to stderr where nobody else handles them; our being there must not end that."""
    others = [other for other in logging.getLogger().handlers if not isinstance(other, _Handler)]
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None and logger.parent is not None:
        others += logger.handlers
        logger = logger.parent
    last = logging.lastResort
    if not others and last is not None and record.levelno >= last.level:
        last.handle(record)
