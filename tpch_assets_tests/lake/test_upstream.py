"""The faults of others that are reported in docs/upstream are still there; a report about a mended one can go."""

import runpy

import pytest

from tpch_assets.settings import PROJECT


def test_deltalake_still_doubles_rows_when_two_rewrites_race(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROJECT / "docs/upstream/deltalake_double_rows.py"))
    assert capsys.readouterr().out.endswith(": 20 rows of 10\n")
