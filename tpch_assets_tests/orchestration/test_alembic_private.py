"""What we use of Alembic's private parts is still there, and still does what we use it for."""

from typing import Any

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from alembic.script.base import Script

from tpch_assets.orchestration import alembic_private

JOB = dg.GraphDefinition(name="nothing").to_job()


def test_dagsters_migrations_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, count = Script._from_path, list[Any]()

    def counted(*arguments: Any) -> Script | None:
        count.append(arguments)
        return read(*arguments)

    def run() -> int:
        """A run with databases of its own; gives the migrations that were read for it."""
        before = len(count)
        with dg.instance_for_test() as instance:
            assert JOB.execute_in_process(instance=instance).success
        return len(count) - before

    monkeypatch.setattr(Script, "_from_path", counted)
    monkeypatch.setattr(alembic_private, "_known", {})
    monkeypatch.setattr(ScriptDirectory, "from_config", alembic_private._read)
    assert min(run(), run()) > 10, "Dagster reads them once by itself now: read_migrations_once is not needed"
    alembic_private.read_migrations_once()
    assert run() > 10
    assert run() == 0
