"""A market on an S3 of which 5 % of the requests fail, through a proxy of the suite's own."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from tpch_assets.lake.lake import Lake
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.life import Life
from tpch_assets_tests.chaos.proxy import FAULTS, proxied
from tpch_assets_tests.chaos.services import RUN_FAILS
from tpch_assets_tests.s3_server import BUCKET, S3Server, one_server, server

__all__ = ["one_server", "server"]
SHARE = 0.05


DAYS = 3


@pytest.mark.chaos
def test_nothing_is_lost_on_an_s3_that_fails(
    seed: int, server: S3Server, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxied(server.url, seed) as (url, proxy):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        life = Life(environment, seed)
        life.services.lake = Lake(f"s3://{BUCKET}/market-{random.randrange(10**9)}")
        for number in range(DAYS):
            proxy.set_share(SHARE)
            _day(life, number)
            proxy.set_share(0)
            life.settle(number, feed.START + timedelta(days=number, hours=25))
        happened = proxy.set_share(0)
    assert sum(happened.get(fault, 0) for fault in FAULTS) > happened["requests"] * SHARE / 4, happened


def _day(life: Life, number: int) -> None:
    """Deliveries, each until it is there, with ticks of two services between them."""
    coming = feed.deliveries(life.chance, number, life.landed)
    for index, one in enumerate(coming):
        while True:
            try:
                life.land(one)
                break
            except RUN_FAILS:
                continue
        life.landed.append(one)
        if index % 5 == 4:
            life.services.tick(feed.START + timedelta(days=number, hours=7))
    life.services.tick(feed.START + timedelta(days=number, hours=25))
