"""A step that fails is really tried again, by the policy that all layers have."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tpch_assets.bronze import plan
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph


def test_a_step_that_fails_is_tried_again_and_stores_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    place.deliver("region", days.key(0), "a.json", [{"r_regionkey": 1, "r_name": "EUROPE", "r_comment": ""}])
    really, tries = plan.ParsedFile.write, list[str]()

    def write(self: Any, path: str) -> Any:
        tries.append(path)
        if len(tries) == 1:
            raise OSError("the disk was away for a moment")
        return really(self, path)

    monkeypatch.setattr(plan.ParsedFile, "write", write)
    with graph(place, generate=False) as loaded:
        (result,) = loaded.run(loaded.sensor("bronze_sensor").run_requests, raise_on_error=False)
        assert result.success and len(tries) == 2
        kinds = [event.event_type for event in result.all_events if event.step_key == "bronze__region"]
    assert kinds.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 1
    assert kinds.count(dg.DagsterEventType.STEP_RESTARTED) == 1
    assert days.rows_of(place.lake, "bronze", "region").num_rows == 1
