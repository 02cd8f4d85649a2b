"""What tasks log on workers, and its way to the process that asked for them.

Every call of `cluster.compute` marks its tasks with an annotation. A handler on each worker sends what such a task logs
to the topic of the client that waits for it, so two runs on one cluster never see each other's lines. What becomes of
the lines then is up to `progress`.
"""

import logging
from collections import Counter

from distributed import Worker, WorkerPlugin

from tpch_assets.compute.dask_private import task_annotation
from tpch_assets.compute.progress import ANNOTATION
from tpch_assets.compute.shapes import LogLine

LINES, LENGTH = 500, 8_000  # A task in a loop must not flood the scheduler: lines per call and worker, characters each.


class TaskLogs(WorkerPlugin):
    """Sends the log lines of marked tasks as events; all other lines of a worker go where they went before."""

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
            found = task_annotation(ANNOTATION)
            if found is None:
                _handle_without_us(record)
                return
            worker, mark = found
            self._sent[mark] += 1
            if self._sent[mark] <= LINES:
                topic, call = mark.split("/")
                worker.log_event(topic, self._line(record, worker, call, self._sent[mark]))
        except Exception:  # noqa: BLE001 - like logging itself: a line that cannot be sent must not fail the task
            self.handleError(record)

    def _line(self, record: logging.LogRecord, worker: Worker, call: str, count: int) -> LogLine:
        text = self.format(record)[:LENGTH]
        if count == LINES:
            text += f" (line {LINES} of this worker; the rest is left out)"
        return {
            "call": call,
            "level": record.levelno,
            "logger": record.name,
            "worker": str(worker.address),
            "text": text,
        }


def _handle_without_us(record: logging.LogRecord) -> None:
    """Python prints warnings to stderr where nobody else handles them; our handler must not end that."""
    others = [other for other in logging.getLogger().handlers if not isinstance(other, _Handler)]
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None and logger.parent is not None:
        others += logger.handlers
        logger = logger.parent
    last = logging.lastResort
    if not others and last is not None and record.levelno >= last.level:
        last.handle(record)
