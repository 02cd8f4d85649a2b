"""The generator's folders: made once, kept while a thread reads them, and gone when there are too many."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tpch_assets.tpch import tpchgen


def test_a_folder_stays_while_a_thread_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tpchgen, "KEPT", 0)
    monkeypatch.setattr(tpchgen, "_folders", {})
    one, other = (partial(tpchgen.parts, 0.001, "supplier", count, None, 1) for count in (1, 2))
    with ThreadPoolExecutor(1) as thread:
        first = one()
        assert thread.submit(one).result() == first == one(), "made once"
        second = other()
        assert Path(first, "supplier", "supplier.1.parquet").exists(), "the other thread reads it still"
        assert thread.submit(other).result() == second
        assert not Path(first).exists()
        assert Path(second, "supplier", "supplier.2.parquet").exists()
