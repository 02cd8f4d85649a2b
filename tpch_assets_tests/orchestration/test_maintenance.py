"""Housekeeping deletes what is old and nothing else, and changes no table."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tpch_assets.lake import folder
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.orchestration import maintenance
from tpch_assets.orchestration.delta_table import delta_table

NOTHING = dg.GraphDefinition(name="nothing").to_job()


@pytest.fixture
def uri(lake: Lake) -> str:
    """A table of some small files."""
    uri = lake.table("silver", "things")
    for number in range(3):
        write = partial(pq.write_table, pa.table({"key": [number]}))
        commit(lake, uri, [write_file(lake, uri, "a", f"{number}.parquet", write)], {"a"}, keep=_paths(lake, uri))
    return uri


def _paths(lake: Lake, uri: str) -> list[str]:
    return [file.path for file in snapshot(lake, uri).files]


def test_maintenance_leaves_the_files_of_a_table_as_they_are(lake: Lake, uri: str) -> None:
    before, lines = _paths(lake, uri), list[str]()
    assert maintenance.vacuum_all(lake, lines.append) == []
    assert lines == [f"{uri}: 0 files deleted"]
    assert sorted(_paths(lake, uri)) == sorted(before) and len(before) == 3
    assert not any(entry["operation"] == "OPTIMIZE" for entry in DeltaTable(uri).history())


def test_commits_of_a_vacuum_survive_a_power_loss(lake: Lake, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(lake, uri, [], {"a"}, schema=snapshot(lake, uri).schema)
    before, flushed = snapshot(lake, uri).version, list[str]()
    monkeypatch.setattr(folder, "fsync", flushed.append)
    monkeypatch.setattr(maintenance, "KEEP_FILES", timedelta(0))
    monkeypatch.setattr(
        maintenance,
        "vacuum",
        lambda resource: resource.load().vacuum(0, enforce_retention_duration=False, full=True, dry_run=False),
    )
    assert maintenance.vacuum_all(lake, flushed.append) == []
    assert f"{uri}: 3 files deleted" in flushed
    assert snapshot(lake, uri).version == before + 2
    for version in (before + 1, before + 2):
        assert f"{uri}/_delta_log/{version:020}.json" in flushed
    last = f"{uri}/_delta_log/{before:020}.json"
    assert last in flushed[: flushed.index(f"{uri}: 3 files deleted")], "its writer may have died before flushing it"


def test_vacuum_does_not_trust_a_clock_that_is_behind_the_table(lake: Lake, uri: str) -> None:
    newest = max(Path(uri, "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    ahead = datetime.now(UTC) + timedelta(hours=2)
    for action in actions:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = int(ahead.timestamp() * 1000)
    newest.write_text("".join(json.dumps(action) + "\n" for action in actions))
    with pytest.raises(RuntimeError, match=f"from {ahead:%Y-%m-%d %H:%M}, which is in the future on this clock"):
        maintenance.vacuum(delta_table(uri))


class _Later(datetime):
    """A clock that is 31 days ahead."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + timedelta(days=31)


def test_only_old_runs_that_have_finished_are_deleted(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = [*maintenance.FINISHED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    for status in statuses:
        instance.create_run_for_job(NOTHING, status=status)
    assert maintenance.delete_old_runs(instance, 30) == 0, "none of them is old"
    monkeypatch.setattr(maintenance, "datetime", _Later)
    assert maintenance.delete_old_runs(instance, 30) == len(maintenance.FINISHED) == 3
    left = {run.status for run in instance.get_runs()}
    assert left == {dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED}
