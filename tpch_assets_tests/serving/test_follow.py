"""The server follows the registry: a new champion takes its place at once, and nothing broken does."""

import os
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from serving.follow import Follower, try_out
from serving.records import Record
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets_tests.models import toy
from tpch_assets_tests.serving.served import RECORD, follower_of, serving

SWAPS, REQUESTS, CLIENTS = 5, 500, 4


def in_force(follower: Follower) -> str:
    assert follower.served
    return follower.served.version.version


def test_a_new_champion_takes_its_place_and_a_challenger_does_not(lake: Lake) -> None:
    follower = follower_of(lake)
    first = toy.register(lake, toy.version("2026-01-01"))
    follower.poll()
    before = follower.served
    toy.register(lake, toy.version("2026-01-02", "challenger"))
    follower.poll()
    assert follower.served is before and in_force(follower) == first.version
    third = toy.register(lake, toy.version("2026-01-03", rounds=6), 6)
    follower.poll()
    assert in_force(follower) == third.version
    assert follower.trouble is None


def test_a_lake_that_is_away_keeps_the_model_and_since_when_is_known(
    lake: Lake, environment: Path, caplog: pytest.LogCaptureFixture
) -> None:
    follower = follower_of(lake)
    first = toy.register(lake, toy.version("2026-01-01"))
    follower.poll()
    Path(lake.uri).rename(environment / "away")
    Path(lake.uri).touch()
    follower.poll()
    trouble = follower.trouble
    assert trouble and in_force(follower) == first.version
    follower.poll()
    assert follower.trouble and follower.trouble.since == trouble.since
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1
    with serving(follower) as behind:
        found = behind.client.get("/health")
        assert (found.status_code, found.json()["status"]) == (200, "behind")
        assert found.json()["since"] == trouble.since.isoformat().replace("+00:00", "Z")
        assert lake.uri in found.json()["reason"]
        assert behind.predict(RECORD).status_code == 200
    os.unlink(lake.uri)
    (environment / "away").rename(lake.uri)
    second = toy.register(lake, toy.version("2026-01-02"))
    follower.poll()
    assert follower.trouble is None and in_force(follower) == second.version


def test_a_registry_that_lost_its_champion_keeps_the_model(lake: Lake) -> None:
    follower = follower_of(lake)
    first = toy.register(lake, toy.version())
    follower.poll()
    shutil.rmtree(lake.table("gold", registry.TABLE))
    follower.poll()
    assert in_force(follower) == first.version
    assert follower.trouble and follower.trouble.reason == f"the registry has no champion of {toy.NAME}"


def test_a_file_that_does_not_load_is_refused_until_it_does(lake: Lake) -> None:
    follower = follower_of(lake)
    first = toy.register(lake, toy.version("2026-01-01"))
    follower.poll()
    second = toy.register(lake, toy.version("2026-01-02"))
    whole = Path(lake.path(second.path)).read_bytes()
    Path(lake.path(second.path)).write_bytes(whole[:100])
    follower.poll()
    assert in_force(follower) == first.version
    assert follower.trouble and "is damaged" in follower.trouble.reason and second.path in follower.trouble.reason
    Path(lake.path(second.path)).write_bytes(whole)
    follower.poll()
    assert in_force(follower) == second.version and follower.trouble is None


def test_a_model_that_predicts_no_probability_is_refused() -> None:
    class Wild:
        def predict(self, records: Sequence[Record]) -> list[float]:
            return [float("nan") for _ in records]

    with pytest.raises(ValueError, match="predicts nan, which is no probability"):
        try_out(Wild(), toy.FEATURES)  # type: ignore[arg-type]


def test_swaps_under_load_fail_no_request(lake: Lake) -> None:
    follower = follower_of(lake)
    versions = [toy.version(f"2026-01-0{day}", rounds=4 + day) for day in range(1, SWAPS + 2)]
    toy.register(lake, versions[0], 5)
    expected = {one.version: _probability(one.version, 4 + day) for day, one in enumerate(versions, 1)}
    follower.poll()
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if the test fails
    chance, swapped = random.Random(seed), Event()
    with serving(follower) as served:

        def ask(share: int) -> list[tuple[int, str, float]]:
            with httpx.Client(base_url=served.url, trust_env=False, timeout=30) as client:
                found: list[tuple[int, str, float]] = []
                while len(found) < share or not swapped.is_set():
                    answer = client.post("/predict", json=RECORD)
                    told = answer.json()
                    found.append((answer.status_code, told["model"]["version"], told["probability"]))
                return found

        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [pool.submit(ask, REQUESTS // CLIENTS) for _ in range(CLIENTS)]
            for day, one in enumerate(versions[1:], 2):
                swapped.wait(chance.random() / 20)
                toy.register(lake, one, 4 + day)
                follower.poll()
            swapped.set()
            answers = [answer for one in asking for answer in one.result(60)]
    assert len(answers) >= REQUESTS
    assert {status for status, _, _ in answers} == {200}
    # Each answer is wholly of the version that it names.
    assert all(expected[version] == probability for _, version, probability in answers)
    assert len({version for _, version, _ in answers}) > 1
    assert in_force(follower) == versions[-1].version


def _probability(version: str, rounds: int) -> float:
    import xgboost

    from tpch_assets.models.predictor import Predictor

    booster = xgboost.Booster()
    booster.load_model(bytearray(toy.model(rounds)))
    return Predictor(booster, toy.FEATURES, toy.DERIVED).predict([RECORD])[0]
