"""A server that the tests of a module share."""

from collections.abc import Iterator

import pytest

from tpch_assets.lake.lake import Lake
from tpch_assets_tests.models import toy
from tpch_assets_tests.serving.served import Served, follower_of, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the toy model in force."""
    lake = Lake(str(tmp_path_factory.mktemp("served") / "lake"))
    toy.register(lake, toy.version())
    follower = follower_of(lake)
    follower.poll()
    with serving(follower) as found:
        yield found
