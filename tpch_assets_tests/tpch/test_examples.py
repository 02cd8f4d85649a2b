"""Small hand-written inputs and what each query is expected to return; `examples/` holds one file per case."""

from pathlib import Path

import pytest

from tpch_assets.testing import check_example
from tpch_assets.tpch import BUSINESS

FOLDER = Path(__file__).parent / "examples"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    check_example(path, BUSINESS)
