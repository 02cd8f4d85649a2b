"""What is shared by a test run is made once, and whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tpch_assets_tests import together


@pytest.fixture(autouse=True)
def _another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(together._FOLDER, str(tmp_path))


def test_of_many_that_ask_at_once_one_fills_the_folder() -> None:
    barrier, filled = Barrier(4), list[Path]()

    def ask() -> Path:
        barrier.wait(60)
        return together.once("day", filled.append)

    with ThreadPoolExecutor(4) as pool:
        found = {asked.result(60) for asked in [pool.submit(ask) for _ in range(4)]}
    assert found == set(filled) and len(filled) == 1


def test_what_was_left_half_made_is_made_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        together.once("day", fail)
    folder = together.once("day", lambda found: (found / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]
