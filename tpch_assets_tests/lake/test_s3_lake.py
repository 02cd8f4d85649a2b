"""A lake on S3: what listing it costs, commits whose answer gets lost, and one sentence where it cannot be used."""

import json
import multiprocessing
import os
import pickle
import random
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from dashboards.store.store import Store
from tpch_assets.bronze import arrivals
from tpch_assets.bronze.arrivals import SWEPT_FILES
from tpch_assets.lake import s3
from tpch_assets.lake.commit import commit
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import mark, read, snapshot
from tpch_assets.orchestration import maintenance
from tpch_assets.orchestration.delta_table import delta_table
from tpch_assets.raw.files import batches, deliveries, files_of
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days
from tpch_assets_tests.commands.test_cli import Shell, shell
from tpch_assets_tests.dashboards.lakes import gold, orders_of
from tpch_assets_tests.lake.test_delta import keys, rows, store, uri_of, write
from tpch_assets_tests.s3_server import (
    BUCKET,
    COMMITS,
    DENIED,
    EXPIRED,
    LISTS,
    LOST,
    REGION,
    Fault,
    Request,
    S3Server,
    one_server,
    server,
)
from tpch_assets_tests.tpch_tables import TABLES

__all__ = ["one_server", "server", "shell"]
BATCH = timedelta(minutes=15)
TEN_YEARS = datetime(2016, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(server: S3Server, environment: Path, request: pytest.FixtureRequest) -> Lake:
    """An empty lake of the test's own."""
    name = f"{request.node.name[:60]}-{random.randrange(10**9)}".replace("[", "-").replace("]", "").replace(" ", "-")
    return Lake(f"s3://{BUCKET}/{name}")


def folders(begin: datetime, count: int) -> list[str]:
    return [(begin + number * BATCH).strftime("%Y-%m-%dT%H%M") for number in range(count)]


# Listing


def deliver(server: S3Server, lake: Lake, table: str, batches: list[str], file: str = "a.json") -> None:
    server.fill(f"{lake.uri}/raw/{table}/{batch}/{file}" for batch in batches)


def test_files_are_listed_as_on_disk(server: S3Server, lake: Lake, tmp_path: Path) -> None:
    disk, first = Lake(str(tmp_path / "disk")), "2024-01-01T0000"
    names = [
        *(f"{first}/{name}" for name in ("b.json", "a.json.gz", "part/0.json", ".a", "_SUCCESS", "x.tmp", "_t/0/a")),
        "2024-01-01T0000-old/a.json",
        "2024-01-01T0015/a b?.json",
        "2024-01-02T0000/.hidden",
        "backup/a.json",
        "stray.json",
    ]
    for name in names:
        server.put(f"{lake.uri}/raw/orders/{name}", name.encode())
        path = Path(disk.path("raw", "orders", name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    server.put(f"{lake.uri}/raw/orders_too/{first}/a.json")

    def listed(where: Lake, *stretch: str) -> list[tuple[str, list[tuple[str, int]]]]:
        found = deliveries(where, "orders", *stretch)
        return [(folder, [(file.name, file.size) for file in files]) for folder, files in found]

    assert listed(lake)[1] == (first, [("a.json.gz", 25), ("b.json", 22), ("part/0.json", 27)])
    for stretch in ((), ("2024-01-01T0015",), ("", "2024-01-01T0015"), ("2024-01-01T00000",), ("c",)):
        assert listed(lake, *stretch) == listed(disk, *stretch), stretch
    for batch in (first, "2024-01-01T0015", "2024-01-02T0000", "2025-01-01T0000"):
        ours, theirs = (files_of(where, "orders", [batch])[batch] for where in (lake, disk))
        assert [(file.name, file.size) for file in ours] == [(file.name, file.size) for file in theirs]
    assert batches(lake, "orders") == batches(disk, "orders")
    (file,) = files_of(lake, "orders", ["2024-01-01T0015"])["2024-01-01T0015"]
    assert Path(lake.store.local(file.uri, file.stamp)).read_bytes() == b"2024-01-01T0015/a b?.json"


def lists(seen: list[Request], layer: str = "raw") -> int:
    return sum(f"/{layer}/" in (request.prefix or "") for request in seen)


@pytest.mark.parametrize("history", [50, 1_900])
def test_a_look_for_new_files_costs_the_same_whatever_the_history(
    server: S3Server, lake: Lake, tmp_path: Path, history: int
) -> None:
    now = datetime.now(UTC)
    old = folders(TEN_YEARS, history)
    for table in ("orders", "lineitem", "supplier"):
        deliver(server, lake, table, [*old, *folders(now - timedelta(hours=12), 20)])
    cursor: str | None = None
    for minute in (0, 1):  # Files came, so that a second round begins soon after the first.
        costs, found, moment = list[int](), set[str](), now + timedelta(minutes=minute)
        while not costs or json.loads(str(cursor))["at"]:
            with server.requests() as seen:
                look = arrivals.scan(lake, BUSINESS, cursor, moment)
            costs.append(lists(seen))
            cursor = look.cursor
            found |= set(look.pending["orders"])
        assert set(old) <= found, "a round of looks sees every folder"
        assert len(costs) == -(-history // SWEPT_FILES)
        assert max(costs) <= 2 * len(TABLES), "one request for the recent ones of a table, and one for some older ones"
    # Between rounds nothing old is listed; a late file of long ago waits for the next round.
    deliver(server, lake, "orders", old[:1], "late.json")
    for minute in (2, 9):
        with server.requests() as seen:
            look = arrivals.scan(lake, BUSINESS, cursor, now + timedelta(minutes=minute))
        assert lists(seen) == len(TABLES)
        assert old[0] not in look.pending["orders"] and look.cursor == cursor
    assert old[0] in arrivals.scan(lake, BUSINESS, cursor, now + timedelta(minutes=12)).pending["orders"]


@pytest.mark.parametrize("history", [50, 1_900])
def test_other_regular_looks_at_raw_cost_the_same_whatever_the_history(
    server: S3Server, lake: Lake, history: int
) -> None:
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    begin = now - history * BATCH
    for table in ("orders", "lineitem", "supplier"):
        deliver(server, lake, table, folders(begin, history - 1))
    with server.requests() as seen:
        assert arrivals.latest(lake, "orders", now) == folders(now - 2 * BATCH, 1)[0]
    assert lists(seen) == 1
    with server.requests() as seen:
        found = arrivals.pending(lake, TABLES["orders"], since=folders(now - 4 * BATCH, 1)[0])
    assert len(found) == 3 and lists(seen) == 1
    store = Store(lake)
    store.poll_raw()
    server.put(f"{lake.uri}/raw/orders/{folders(now, 1)[0]}/a.json", b"12345")
    with server.requests() as seen:
        store.poll_raw()
    assert lists(seen) <= len(TABLES) * 2
    assert store.raw["orders"].batches == history and store.raw["orders"].latest == folders(now, 1)[0]
    assert store.raw["orders"].sizes[folders(now, 1)[0]] == (1, 5)


def test_a_page_that_ends_within_a_folder_hides_none_of_its_files(server: S3Server, lake: Lake) -> None:
    batch, later = "2024-01-01T0000", "2024-01-01T0015"
    server.fill(f"{lake.uri}/raw/orders/{batch}/{number:05}.json" for number in range(1_100))
    deliver(server, lake, "orders", [later])
    with server.requests() as seen:
        found = dict(deliveries(lake, "orders"))
    assert [len(found[batch]), len(found[later]), lists(seen)] == [1_100, 1, 2]
    look = arrivals.scan(lake, BUSINESS, None, datetime.now(UTC))
    assert look.pending["orders"] == [batch] and json.loads(look.cursor)["at"] == {"orders": f"{batch}0"}
    assert arrivals.scan(lake, BUSINESS, look.cursor, datetime.now(UTC)).pending["orders"] == [later]


def test_a_file_replaced_since_it_was_listed_is_not_read_for_the_other(server: S3Server, lake: Lake) -> None:
    uri = f"{lake.uri}/raw/orders/2024-01-01T0000/a.json"
    server.put(uri, b"first")
    (first,) = files_of(lake, "orders", ["2024-01-01T0000"])["2024-01-01T0000"]
    assert Path(lake.store.local(first.uri, first.stamp)).read_bytes() == b"first"
    server.put(uri, b"other")
    (second,) = files_of(lake, "orders", ["2024-01-01T0000"])["2024-01-01T0000"]
    assert first.stamp != second.stamp
    assert Path(lake.store.local(second.uri, second.stamp)).read_bytes() == b"other"
    server.put(uri, b"third")
    with pytest.raises(FileNotFoundError, match="replaced or removed"):
        pickle.loads(pickle.dumps(lake)).store.local(second.uri, second.stamp[:-2] + '0"')


def test_files_come_whole_and_are_compared_by_content(server: S3Server, lake: Lake) -> None:
    uri, large = lake.path("raw", "orders", "b", "a.json"), random.Random(1).randbytes(20 << 20)
    for content in (large, large[:-1] + b"x"):
        staged = lake.store.staging(uri)
        Path(staged).write_bytes(content)
        assert not lake.store.same(staged, uri)
        lake.store.publish(staged, uri)
        assert not os.path.exists(staged)
        assert (lake.store.exists(uri), lake.store.size(uri)) == (True, len(content))
    Path(staged).write_bytes(content)
    assert lake.store.same(staged, uri)
    assert Path(lake.store.local(uri, lake.store.stamp(uri))).read_bytes() == content
    missing, where = lake.path("nothing"), lake.store
    assert (where.exists(missing), where.size(missing), where.stamp(missing)) == (False, None, "")
    assert where.names(missing) == set()


def test_idle_copies_make_room_on_a_full_disk(
    server: S3Server, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tpch_assets.lake.cache.scratch", lambda: str(tmp_path))
    uris = [f"{lake.uri}/{number}.parquet" for number in range(5)]
    server.fill(uris)
    paths = [Path(lake.store.local(uri)) for uri in uris[:3]]
    for path, hours in zip(paths, (2, 3, 0), strict=True):
        os.utime(path, (time.time() - hours * 3600,) * 2)
    lake.store.local(uris[3])
    assert all(path.exists() for path in paths), "the disk has room"
    usage = shutil.disk_usage(tmp_path)
    left = [usage._replace(free=0), usage._replace(free=0), usage._replace(free=usage.total)]
    monkeypatch.setattr(
        "tpch_assets.lake.cache.shutil.disk_usage", lambda folder: left.pop(0) if len(left) > 1 else left[0]
    )
    lake.store.local(uris[4])
    assert [path.exists() for path in paths] == [True, False, True], "the longest unused goes first"
    left[:] = [usage._replace(free=0)]
    server.put(uris[0], b"new")
    lake.store.local(uris[0], lake.store.stamp(uris[0]))
    assert [path.exists() for path in paths] == [False, False, True], "what is in use stays, however full the disk"


# Commits


@pytest.mark.parametrize("times", [1, 1000])
def test_a_commit_whose_answer_was_lost_is_there_once(server: S3Server, lake: Lake, times: int) -> None:
    store(lake, "a", rows(1))
    with server.fault(LOST.on("PUT", COMMITS, times)) as hit:
        done = store(lake, "a", rows(2), rows(3), base=1, marks={"bronze": 7})
    assert hit
    assert done.version == snapshot(lake, uri_of(lake)).version == 2
    assert (len(done.added), len(done.removed)) == (2, 1)
    assert keys(lake) == [2, 3]
    assert mark(lake, uri_of(lake), "bronze") == 7


def test_a_table_is_made_once_although_the_answer_was_lost(server: S3Server, lake: Lake) -> None:
    with server.fault(LOST.on("PUT", COMMITS, 1)) as hit:
        store(lake, "a", rows(1))
    assert hit
    table = DeltaTable(uri_of(lake), storage_options=lake.store.options)
    assert [entry["version"] for entry in table.history()] == [1, 0]
    assert keys(lake) == [1]


def test_columns_change_in_place_although_answers_were_lost(server: S3Server, lake: Lake) -> None:
    store(lake, "a", rows(1))
    wide = rows(2).append_column("note", pa.array(["new"]))
    with server.fault(LOST.on("PUT", COMMITS, 3)) as hit:
        done = store(lake, "b", wide, properties={"declared": "something"})
    assert hit
    found = snapshot(lake, uri_of(lake))
    assert found.version == done.version == 4, "columns, files and properties, each once"
    assert found.properties["declared"] == "something"
    assert read(found).sort_by("key").column("note").to_pylist() == [None, "new"]


@pytest.mark.parametrize("fault", [DENIED, EXPIRED])
def test_a_commit_that_is_refused_says_why_at_once(server: S3Server, lake: Lake, fault: Fault) -> None:
    store(lake, "a", rows(1))
    piece, started = write(lake, "a", rows(2)), time.monotonic()
    with server.fault(fault.on("PUT", COMMITS)), pytest.raises(OSError, match=fault.code):
        commit(lake, uri_of(lake), [piece], {"a"})
    assert time.monotonic() - started < 20, "it was tried again and again"
    assert keys(lake) == [1]


def test_a_table_that_may_not_be_read_is_no_empty_table(server: S3Server, lake: Lake) -> None:
    store(lake, "a", rows(1))
    for denied in (DENIED.on("GET", LISTS), DENIED.on("GET"), DENIED):
        with server.fault(denied), pytest.raises(OSError, match="AccessDenied"):
            snapshot(lake, uri_of(lake))


TURNS = 3
WRITERS = ("one", "two", "three")


def replace_own_and_shared(uri: str, writer: str) -> None:
    lake = Lake(uri)
    for number in range(TURNS):
        store(lake, f"{writer}-{number}", rows(number, writer=writer), rows(number + TURNS, writer=writer))
        store(lake, "shared", rows(number, writer=writer), rows(-number - 1, writer=writer))


def test_processes_that_commit_at_once_lose_and_double_nothing(server: S3Server, lake: Lake) -> None:
    with ProcessPoolExecutor(len(WRITERS), mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in [pool.submit(replace_own_and_shared, lake.uri, writer) for writer in WRITERS]:
            future.result(120)
    table = snapshot(lake, uri_of(lake))
    assert table.version == 2 * TURNS * len(WRITERS)
    own = [file for file in table.files if file.partition != "shared"]
    assert sorted((row["writer"], row["key"]) for row in read(table, own).to_pylist()) == sorted(
        (writer, key) for writer in WRITERS for key in range(2 * TURNS)
    )
    shared = read(table, table.of({"shared"})).to_pylist()
    assert len(shared) == 2 and len({row["writer"] for row in shared}) == 1, "the last writer's rows, and no other's"
    assert sum(row["key"] for row in shared) == -1


def test_vacuum_deletes_what_left_a_table_a_week_ago_or_never_entered_it(server: S3Server, lake: Lake) -> None:
    store(lake, "a", rows(1))
    store(lake, "b", rows(2))
    (old,) = snapshot(lake, uri_of(lake)).of({"a"})
    with pytest.MonkeyPatch.context() as patch:
        eight_days_ago = time.time() - 8 * 86_400
        patch.setattr("tpch_assets.lake.commit.time.time", lambda: eight_days_ago)
        store(lake, "a", rows(3))
    orphans = {name: f"{uri_of(lake)}/b/{name}.parquet" for name in ("old", "young")}
    server.fill(orphans.values())
    for uri in (orphans["old"], f"{uri_of(lake)}/{old.path}", *snapshot(lake, uri_of(lake)).paths()):
        server.age(uri, timedelta(days=8))
    deleted = maintenance.vacuum(delta_table(uri_of(lake)))
    assert sorted(path.rsplit("/", 1)[-1] for path in deleted) == sorted([old.name, "old.parquet"])
    lines: list[str] = []
    assert maintenance.vacuum_all(lake, lines.append) == []
    assert len(lines) == 1 and lines[0].startswith(f"{uri_of(lake)}: ")
    assert lake.store.names(f"{uri_of(lake)}/b") == {"young.parquet", snapshot(lake, uri_of(lake)).of({"b"})[0].name}
    assert keys(lake) == [2, 3]


# Where it cannot be used

READ: list[tuple[str, ...]] = [("status",), ("show", "q01_pricing_summary")]
WRITE: list[tuple[str, ...]] = [("replay", "--start", days.day(0), "--batches", "1")]


@pytest.mark.parametrize("command", READ + WRITE, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DENIED, "the AWS credentials may not read it: they need s3:ListBucket"),
        (EXPIRED, "the AWS credentials have expired. Renew them"),
        (Fault("403 Forbidden", "InvalidAccessKeyId"), "does not accept the AWS credentials"),
        (Fault("400 Bad Request", "AuthorizationHeaderMalformed"), "not in the region"),
        (Fault("503 Slow Down", "SlowDown", "Reduce your rate."), "SlowDown: Reduce your rate."),
    ],
    ids=["no rights", "expired", "unknown key", "wrong region", "slow down"],
)
def test_a_bucket_that_refuses_is_one_sentence(
    server: S3Server, shell: Shell, lake: Lake, command: tuple[str, ...], fault: Fault, words: str
) -> None:
    with server.fault(fault):
        check_refusal(server, shell, lake.uri, command, words)


def check_refusal(server: S3Server, shell: Shell, lake: str, command: tuple[str, ...], words: str) -> None:
    before, started = server.contents(f"s3://{BUCKET}"), time.monotonic()
    message = shell.refuses(*command, "--lake", lake)
    assert time.monotonic() - started < 10 + 20  # The machine may be busy.
    assert f"The lake {lake} cannot be used: " in message and words in message
    assert server.contents(f"s3://{BUCKET}").keys() == before.keys()


def test_a_bucket_that_may_be_read_but_not_written_is_told_before_anything_is_done(
    server: S3Server, shell: Shell, lake: Lake
) -> None:
    with server.fault(DENIED.on("PUT")) as hit:
        check_refusal(server, shell, lake.uri, WRITE[0], "the AWS credentials may not write it: they need s3:PutObject")
        lake.check()
    assert len(hit) == 1
    assert "is empty" in shell.refuses("status", "--lake", lake.uri)


def test_a_bucket_whose_files_may_not_be_deleted_is_one_sentence(server: S3Server, shell: Shell, lake: Lake) -> None:
    with server.fault(DENIED.on("DELETE")):
        message = shell.refuses(*WRITE[0], "--lake", lake.uri)
    assert "may not delete in it: they need s3:DeleteObject" in message


def test_an_s3_without_conditional_writes_is_refused(server: S3Server, shell: Shell, lake: Lake) -> None:
    with server.unconditional():
        check_refusal(server, shell, lake.uri, WRITE[0], "does not honour conditional writes")


def test_writing_was_tried_and_nothing_of_it_is_left(server: S3Server, lake: Lake) -> None:
    with server.requests() as seen:
        lake.check(write=True)
    assert [request.method for request in seen] == ["GET", "HEAD", "PUT", "PUT", "DELETE"]
    assert server.contents(lake.uri) == {}


@pytest.mark.parametrize("command", READ + WRITE, ids=lambda command: command[0])
def test_no_bucket_is_one_sentence(server: S3Server, shell: Shell, command: tuple[str, ...]) -> None:
    check_refusal(server, shell, "s3://nowhere/lake", command, "there is no bucket nowhere at http://127.0.0.1")


def test_no_name_of_a_bucket_is_one_sentence(server: S3Server, shell: Shell) -> None:
    check_refusal(server, shell, "s3://No Bucket/lake", READ[0], "Invalid bucket name")
    assert "the bucket is missing" in shell.refuses("status", "--lake", "s3://")


@pytest.mark.parametrize("command", READ + WRITE, ids=lambda command: command[0])
def test_the_wrong_region_is_one_sentence(
    server: S3Server, shell: Shell, lake: Lake, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    words = "the bucket is in the region eu-central-1, not in us-west-2. Set AWS_REGION=eu-central-1."
    check_refusal(server, shell, lake.uri, command, words)


def test_no_credentials_are_one_sentence(
    server: S3Server, shell: Shell, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    check_refusal(server, shell, lake.uri, READ[0], "there are no AWS credentials")


@pytest.fixture(params=["closed", "silent"])
def dead_endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """A port where nobody listens, and one where nobody answers."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if request.param == "silent":
            port.listen()
        yield f"http://127.0.0.1:{port.getsockname()[1]}"


def test_an_endpoint_where_nothing_answers_is_one_sentence(
    server: S3Server, shell: Shell, lake: Lake, monkeypatch: pytest.MonkeyPatch, dead_endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", dead_endpoint)
    check_refusal(server, shell, lake.uri, WRITE[0], f"nothing answers at {dead_endpoint}. Correct AWS_ENDPOINT_URL")


def test_an_endpoint_that_is_no_url_is_one_sentence(
    server: S3Server, shell: Shell, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    check_refusal(server, shell, lake.uri, READ[0], "Invalid endpoint: localhost:9000. Correct TPCH_LAKE or the AWS")


def test_credentials_and_region_of_a_profile_are_used_by_boto3_and_delta(
    server: S3Server, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(f"[profile ours]\nregion = {REGION}\n")
    (tmp_path / "credentials").write_text("[ours]\naws_access_key_id = id\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_PROFILE", "ours")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(s3, "_session_of", lambda process: boto3.Session())
    ours = Lake(lake.uri, s3.connect)
    assert ours.store.options["aws_access_key_id"] == "id" and ours.store.options["aws_region"] == REGION
    ours.check(write=True)
    store(ours, "a", rows(1))
    assert keys(ours) == [1]


def test_delta_goes_where_the_environment_says(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake("s3://somewhere/lake")
    always = {"aws_conditional_put": "etag", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    here = {"aws_region": REGION, "aws_endpoint_url": server.url, "aws_allow_http": "true"}
    assert lake.store.options == {**always, **here}
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert lake.store.options == {**always, "aws_region": "us-west-2"}
    assert s3.connect().meta.region_name == "us-west-2"


def test_the_dashboard_says_within_seconds_that_s3_is_away_and_goes_on(server: S3Server, lake: Lake) -> None:
    gold(lake, "unshipped_orders", "2024-01-03", orders_of("2024-01-03", count=1))
    lake = Lake(lake.uri, partial(s3.connect, s3.IMPATIENT))
    store = Store(lake)
    store.poll()
    assert store.state.kind == "ok"
    away = Fault("503 Service Unavailable", "SlowDown")
    with server.fault(away) as hit:
        store.poll()
        assert store.state.kind == "unreachable" and store.state.reason.startswith(
            f"The lake {lake.uri} cannot be used"
        )
    assert len(hit) <= 4, "one read and the lake's check, each tried twice"
    store.poll()
    found = store.table("gold", "unshipped_orders")
    assert found and store.state.kind == "ok"
    with server.fault(away.on(where=r"\.parquet")), pytest.raises(LakeError, match="SlowDown"):
        store.rows(found, found.files)
    assert len(store.rows(found, found.files)) == 2
