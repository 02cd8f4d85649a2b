"""What Dagster is told of what was stored: a materialization of each partition that has something, and of no other.

A run over partitions of which some have nothing to store fails for these, after the others are stored and recorded.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import dagster as dg
import pyarrow as pa

from tpch_assets.calendar import stretches
from tpch_assets.compute import cluster
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import LAYERS, work_of
from tpch_assets.orchestration.samples import table_of

Counts = dict[str, Counter[str]]
"""By partition the rows, bytes, files, and lines and rejects of what was stored."""
Metadata: TypeAlias = dict[str, dg.MetadataValue | str | int | float | dg.TableSchema]
NAMED = 3
"""So many stretches of partitions a sentence names."""


@dataclass(frozen=True)
class Stored:
    """What was stored of one asset.

    Attributes:
        shared: Metadata of the table as a whole.
        sample: Some rows, and the partition that they are of.
    """

    asset: dg.AssetKey
    update: TableUpdate
    counts: Counts
    shared: Metadata
    sample: tuple[str, pa.Table] | None = None


def report(context: dg.OutputContext, stored: Sequence[Stored], seconds: float) -> None:
    """Record what was stored, under the keys that the Dagster UI plots.

    Args:
        stored: The output's own asset, and others that were stored with it.

    Raises:
        dg.Failure: Some partitions have nothing to store. The message says which and why; no retry helps.
    """
    own, *others = stored
    common = {**own.shared, **_speed(context, own.counts, seconds), **_where(own.asset)}
    if not context.has_asset_partitions:
        shown = _sample(own, own.sample[0]) if own.sample else {}
        whole = Counter[str]()
        for counts in own.counts.values():
            whole.update(counts)  # A sum of counters would leave out what is zero.
        context.add_output_metadata({"dagster/row_count": whole["rows"], **common, **_named(whole), **shown})
        return
    keys = list(context.asset_partition_keys)
    if empty := [key for key in keys if key not in own.counts]:
        for one in stored:
            _record(context, one, common, one.counts.keys() & keys)
        raise dg.Failure(_sentence(own, keys, empty), allow_retries=False)
    context.add_output_metadata(common)
    for key in keys:
        found = _of_partition(own, key)
        context.step_context.add_asset_metadata(found, asset_key=context.asset_key, partition_key=key)
    for one in others:
        _record(context, one, common, one.counts.keys() & keys)
    if own.update.replace:
        _record(context, own, common, own.counts.keys() - {*keys})


def nothing(layer: str, reason: str, keys: Sequence[str]) -> str:
    """A sentence that says of which partitions there is nothing.

    Args:
        reason: How the sentence begins; the keys end it.
    """
    spans = stretches(keys, LAYERS[layer].step) if layer in LAYERS else [(key, key) for key in sorted(keys)]
    words = [first if first == last else f"{first} to {last}" for first, last in spans[:NAMED]]
    more = f" and {len(spans) - NAMED} more" if len(spans) > NAMED else ""
    return f"{reason} {', '.join(words)}{more}."


def _sentence(own: Stored, keys: Sequence[str], empty: Sequence[str]) -> str:
    why = nothing(own.asset.path[0], own.update.nothing, empty)
    if len(keys) == len(empty):
        return why
    return f"{len(keys) - len(empty)} of {len(keys)} partitions are stored. {why}"


def _record(context: dg.OutputContext, one: Stored, common: Metadata, keys: Collection[str]) -> None:
    """Record materializations that Dagster does not make by itself of the run's partitions."""
    for key in sorted(keys):
        metadata = {**common, **one.shared, **_of_partition(one, key)}
        context.log_event(dg.AssetMaterialization(one.asset, partition=key, metadata=metadata))


def _of_partition(one: Stored, key: str) -> Metadata:
    named = _named(one.counts[key])
    told = {"dagster/partition_row_count": one.counts[key]["rows"], **named, **one.update.extra.get(key, {})}
    return {**told, **_sample(one, key)}


def _sample(one: Stored, key: str) -> Metadata:
    """Some rows, where they are of this partition."""
    if one.sample is None or one.sample[0] != key or not one.sample[1].num_rows:
        return {}
    return {"sample rows": table_of(one.sample[1])}


def _named(one: Counter[str]) -> Metadata:
    return {name: one[name] for name in ("bytes", "files", "lines", "rejects") if name in one}


def _speed(context: dg.OutputContext, counts: Counts, seconds: float) -> Metadata:
    """Seconds and speed, named after what they stand on: the partition, or all partitions of the run."""
    rows = sum(one["rows"] for one in counts.values())
    of, more = "", Metadata()
    if len(counts) > 1:
        of, more = " of the run", {"partitions of the run": len(counts)}
    return {
        **more,
        f"seconds{of}": round(seconds, 3),
        f"rows per second{of}": round(rows / seconds) if seconds else 0,
    }


def _where(asset: dg.AssetKey) -> Metadata:
    facts = cluster.facts(work_of(asset.path[0]))
    return {
        name: dg.MetadataValue.url(value) if isinstance(value, str) and value.startswith("http") else value
        for name, value in facts.items()
    }
