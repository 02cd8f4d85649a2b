"""Deletes what gold keeps besides answers and no present answer needs: partials, verdicts on forms, sums of dimensions.

A partial is needed if the answer of the latest day is made of it. One that is deleted too much is computed again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

from tpch_assets.calendar import parse
from tpch_assets.gold import fingerprints, form
from tpch_assets.gold.partials import FOLDER, key_of
from tpch_assets.gold.plan import needed_partials, snapshots_for
from tpch_assets.gold.queries import Query, broken_queries, load_queries, parameters
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.schema import Business
from tpch_assets.silver.shards import HalfWritten

UNNEEDED = "_unneeded.json"  # Since when each file is not needed. A run may read it that was planned before.
Needs = Callable[[str], bool]
"""Whether a file is needed, by its path below a folder."""


def sweep(
    business: Business,
    lake: Lake,
    scale_factor: float,
    now: datetime,
    keep: timedelta,
    others: Mapping[str, Needs] | None = None,
) -> list[str]:
    """Delete what has been needed by nothing for as long as `keep`, which is longer than any run takes.

    Args:
        others: What of folders is needed that are not of queries.

    Returns:
        The paths of what was deleted.
    """
    needs = _needs(business, lake, scale_factor, now) | dict(others or {})
    known, unneeded, deleted = _known(lake), dict[str, str](), list[str]()
    for file in lake.store.files(lake.path(FOLDER)):
        folder, _, name = file.name.partition("/")
        if file.fault or file.name == UNNEEDED or (folder in needs and needs[folder](name)):
            continue
        since = known.get(file.name, now.isoformat())
        if datetime.fromisoformat(since) <= now - keep and file.modified <= (now - keep).timestamp():
            lake.store.delete(file.uri)
            deleted.append(file.uri)
        else:
            unneeded[file.name] = since
    if unneeded != known:
        _write(lake, unneeded)
    return deleted


def _needs(business: Business, lake: Lake, scale_factor: float, now: datetime) -> dict[str, Needs]:
    """By folder, what of it is needed; all of one of which that cannot be told now."""
    queries = load_queries(business)
    found: dict[str, Needs] = dict.fromkeys(broken_queries(business), all_needed)
    verdicts: set[str] = set()
    for name, query in queries.items():
        found[name] = all_needed
        with told():
            found[name] = keys_needed(_keys(query, business, lake, scale_factor))
        if query.plain is not None and query.groups:
            values = parameters(query, scale_factor, now.date())
            verdicts.add(form.kept_name(query, business, values))
    found[form.KEPT] = verdicts.__contains__
    found[fingerprints.COLUMNS] = all_needed
    with told():
        sums = {
            fingerprints.kept_name(table, file.path)
            for table in business.dimensions
            for file in snapshot(lake, lake.table("silver", table.name)).files
        }
        found[fingerprints.COLUMNS] = sums.__contains__
    return found


def all_needed(_: str) -> bool:
    """All of a folder is needed."""
    return True


def keys_needed(keys: set[str]) -> Needs:
    """Of a folder the partials with these keys are needed."""
    return partial(_has_key_in, keys)


def _has_key_in(keys: set[str], file: str) -> bool:
    return key_of(file.rsplit("/", 1)[-1]) in keys


@contextmanager
def told() -> Iterator[None]:
    """Go on where it cannot be told what is needed: a table is damaged or half written, and then nothing is deleted."""
    with suppress(LakeError, HalfWritten):
        yield


def _keys(query: Query, business: Business, lake: Lake, scale_factor: float) -> set[str]:
    """The keys of the partials of the latest answer, and of the one that the latest facts will make."""
    silver = snapshots_for(query, business, lake)
    answers = [file.partition for file in snapshot(lake, lake.table("gold", query.name)).files]
    facts = [file.partition for group in query.groups for name in group.names for file in silver[name].files]
    days = {parse(max(partitions)).date() for partitions in (answers, facts) if partitions}
    return {key for day in days for key in needed_partials(query, business, silver, day, scale_factor)}


def _known(lake: Lake) -> dict[str, str]:
    try:
        found = json.loads(lake.store.content(lake.path(FOLDER, UNNEEDED)) or b"{}")
    except ValueError:  # It is damaged: the time begins anew.
        return {}
    return {str(name): str(since) for name, since in found.items()}


def _write(lake: Lake, unneeded: dict[str, str]) -> None:
    lake.write(lake.path(FOLDER, UNNEEDED), json.dumps(unneeded, indent=1, sort_keys=True).encode())
