"""A video service: UUIDs as keys, the same column names in several tables, nested values, updates of a dimension."""

import struct
import uuid
from typing import Any

import pytest

from tpch_assets_tests import days
from tpch_assets_tests.businesses.delivery import BATCHES, Row, bad_lines, good, good_with, without_nulls
from tpch_assets_tests.businesses.settled import BusinessTests, Settled, changed_shards, moment
from tpch_assets_tests.days import Place

USERS, VIDEOS, SESSIONS = 300, 120, 550
LATE = "0" * 8  # No random session has so small an identity, so a shard is known that holds it.


class Video(Settled):
    """The day of the video service."""

    name = "video"

    def deliver(self) -> None:
        chance, table = self.chance, self.business.table
        videos = [self._video(number) for number in range(VIDEOS)]
        wrong = {"length": "12", "tags": "comedy", "studio": {"name": 5, "country": "FR", "order": 1}, "title": 7}
        lines = [good(video) if number % 3 else without_nulls(video) for number, video in enumerate(videos)]
        self.delivery.put("videos", BATCHES[0], "all.json.gz", [*lines, *bad_lines(videos[0], table("videos"), wrong)])
        again = {**videos[5], "title": "renamed"}
        self.delivery.put("videos", BATCHES[5], "renamed.json", [good(again, colour={"r": 1})])
        for batch in BATCHES:
            users = [self._user(number) for number in chance.sample(range(USERS), USERS if batch == BATCHES[0] else 40)]
            bad = bad_lines(users[0], table("users"), {"active": 1, "born": "yesterday", "age": 300})
            self.delivery.spread(chance, "users", batch, [*map(good, users), *bad])
            self._watch(batch)
        self.put_planned()

    def _watch(self, batch: int) -> None:
        """Sessions of a batch and their views; some redeliver one of an earlier batch with other values."""
        chance, table = self.chance, self.business.table
        sessions = [self._session(batch) for _ in range(SESSIONS)]
        views = [self._view(session, number) for session in sessions for number in range(1, chance.randint(1, 6))]
        earlier = [line.row for *_, line in self.delivery.of("views") if line.row]
        views += [{**row, "share": 0.5, "finished": None} for row in chance.sample(earlier, min(len(earlier), 20))]
        wrong: Row = {"started": "noon", "at": "2026-13-01T00:00:00", "user_id": 1.5, "session_id": "not-a-uuid"}
        bad = bad_lines(sessions[0], table("sessions"), wrong)
        lines = [good(row, colour="blue") if chance.random() < 0.02 else without_nulls(row) for row in sessions]
        self.delivery.spread(chance, "sessions", batch, [*lines, *bad])
        wrong = {"share": "half", "finished": "yes", "number": 2**31, "at": 17}
        bad = bad_lines(views[0], table("views"), wrong)
        self.delivery.spread(chance, "views", batch, [*map(good, views), *bad])

    def put_planned(self) -> None:
        """Views in the last batch that lie ahead of the day's end."""
        session = self._session(BATCHES[-1])
        views = [
            {**self._view(session, number), "at": f"{moment(1441 + number):%Y-%m-%dT%H:%M:%SZ}"} for number in (1, 2)
        ]
        self.delivery.put("sessions", BATCHES[-1], "planned.json", [good(session)])
        self.delivery.put("views", BATCHES[-1], "planned.json", [good(view) for view in views])

    def deliver_late(self) -> None:
        again = {
            **self._video(5),
            "title": "renamed again",
            "tags": [None, ""],
            "studio": {"name": None, "country": "FR", "order": 0},
        }
        unknown = {**again["studio"], "colour": "red"}
        users = [line.row for batch, *_, line in self.delivery.of("users") if line.row and batch == BATCHES[7]]
        changed = [good({**row, "active": not row["active"], "age": 0}) for row in users]
        self.delivery.put("users", BATCHES[7], "ÿ behind the others.json", changed)
        self.delivery.put("videos", BATCHES[5], "renamed.json", [good_with(again, studio=unknown)])
        session = {**self._session(BATCHES[2]), "session_id": f"{LATE}{str(uuid.UUID(int=7))[8:]}"}
        self.delivery.put("sessions", BATCHES[2], "late.json", [good(session)])
        self.delivery.put(
            "views", BATCHES[2], "late.json.gz", [good(self._view(session, 1)), good(self._view(session, 1))]
        )

    def _user(self, number: int) -> Row:
        chance = self.chance
        age = chance.choice([None, chance.randint(1, 99)])
        born = f"{chance.randint(1950, 2010)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        return {"user_id": number * 10**12, "active": chance.random() < 0.6, "born": born, "age": age}

    def _video(self, number: int) -> Row:
        chance = self.chance
        studio = {"name": chance.choice(["Ä", "B 'n' B", "C"]), "country": chance.choice(["FR", "IT"]), "order": number}
        tags = chance.sample(["comedy", "drama", 'a "quoted" tag', "[bold]"], chance.randint(0, 3))
        title = None if number % 7 == 0 else f"Video {number}"
        return {
            "video_id": number,
            "length": chance.randint(1, 9_000) / 64,
            "title": title,
            "tags": tags,
            "studio": studio,
        }

    def _session(self, batch: int) -> Row:
        chance = self.chance
        started = moment(batch * 15 + chance.randint(0, 14))
        client: Any = chance.choice(
            [None, {"os": chance.choice(["linux", "mac"]), "v": [1, 2.50]}, {"os": None}, [], "text"]
        )
        return {
            "session_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "user_id": chance.randrange(USERS) * 10**12,
            "started": f"{started:%Y-%m-%dT%H:%M:%SZ}",
            "at": f"{started:%Y-%m-%dT%H:%M:%S}.25",
            "client": client,
        }

    def _view(self, session: Row, number: int) -> Row:
        chance = self.chance
        share = struct.unpack("f", struct.pack("f", chance.randint(0, 64) / 64))[0]
        finished = chance.choice([None, True, False])
        video = chance.randrange(VIDEOS)
        return {
            "session_id": session["session_id"],
            "number": number,
            "video_id": video,
            "at": session["started"],
            "share": share,
            "finished": finished,
        }


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Video(Place(tmp_path_factory.mktemp("video")))


class TestVideo(BusinessTests):
    """The tests that hold for any business."""


def test_late_files_change_the_shard_that_they_belong_to(settled: Settled) -> None:
    window = sorted(settled.before["views"])[1]
    for fact in ("sessions", "views"):
        assert len(settled.before[fact][window]) > 2, "windows are cut"
        (changed,) = changed_shards(settled.before[fact], settled.shards(fact)).values()
        assert {index.split("of")[0] for index in changed} == {"0"}, fact


def test_statistics_say_which_shard_holds_a_uuid(settled: Settled) -> None:
    for name in ("bronze/views", "silver/views"):
        for file in days.tables_of(settled.place.lake)[name].files:
            assert len(str(file.least["session_id"])) == len(str(file.greatest["session_id"])) == 36
