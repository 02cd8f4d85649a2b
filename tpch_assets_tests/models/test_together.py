"""Rows that outgrow one worker are trained on by the workers of a cluster together: real processes of this machine."""

from collections.abc import Iterator

import pytest

from tpch_assets.compute import cluster
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets_tests.conftest import use
from tpch_assets_tests.models import parcels
from tpch_assets_tests.models.parcels import MODEL, ROWS


@pytest.fixture
def processes(environment: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two worker processes, behind TLS as in any run."""
    cluster.close()
    use(monkeypatch, compute="processes", workers="2")
    yield
    cluster.close()


def test_workers_train_together_what_one_would_train_alone(lake: Lake, processes: None) -> None:
    parcels.lake_of(lake, 3)
    few = parcels.changed(rounds=5, parameters={"learning_rate": 0.3})
    together = parcels.run(lake, 2, few, machine_rows=4 * ROWS)
    assert (together.version.status, together.version.metrics["training_rows"]) == ("champion", 8 * ROWS)
    assert together.rows_read == 12 * ROWS
    lake.store.delete(lake.path(together.version.path))
    alone = parcels.run(lake, 2, few)
    assert (alone.shards_kept, alone.rows_read) == (12, 0)
    for name in ("auc", "log_loss"):
        assert together.version.metrics[name] == pytest.approx(alone.version.metrics[name], abs=0.02)
    assert together.version.features == alone.version.features
    assert registry.champion(lake, MODEL.name) == alone.version
