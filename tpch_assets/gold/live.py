"""Which shards an answer is made of: all up to its day, without those that a live query may skip."""

from datetime import UTC, date, datetime

from tpch_assets.calendar import end_of_day
from tpch_assets.gold.queries import Query
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.layers import DAY
from tpch_assets.silver.shards import Shard, complete_shards

Facts = dict[str, int | float | str]
"""What a materialization shows of an answer."""


def shards_of(query: Query, silver: Snapshots, day: date) -> tuple[dict[str, list[Shard]], Facts]:
    """By group the shards that an answer is made of, and how many there are and are skipped."""
    shards = {group.name: complete_shards(group, silver, until=end_of_day(str(day))) for group in query.groups}
    live = {name: [shard for shard in of_group if not _is_over(query, shard, day)] for name, of_group in shards.items()}
    every = sum(map(len, shards.values()))
    facts: Facts = {"shards": every, "partials kept": 0, "shards skipped": every - sum(map(len, live.values()))}
    return live, facts


def _is_over(query: Query, shard: Shard, day: date) -> bool:
    """Whether a shard lies in the past of a live query: in each table its last event is before the day's end."""
    if query.live is None:
        return False
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    (group,) = query.groups
    tables = zip(group.facts, shard, strict=True)
    files = [file for table, file in tables if query.live in table.column_names and file.rows]
    return all(_ended(file.greatest.get(query.live), end) for file in files)


def _ended(latest: object, end: datetime) -> bool:
    """Whether a file's last event is known and before `end`. A time without a zone is in UTC."""
    return isinstance(latest, datetime) and (latest if latest.tzinfo else latest.replace(tzinfo=UTC)) < end
