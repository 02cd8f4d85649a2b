"""Reads the rows that a model is trained and judged on from its partials, always in the same order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite

import numpy as np
import numpy.typing as npt

from tpch_assets.compute.database import cursor, identifier, identifiers, sql_list
from tpch_assets.lake.lake import Lake, Refused
from tpch_assets.models.features import Feature, Matrix, matrix, names, sql_of
from tpch_assets.schema.models import Derived, Model

Labels = npt.NDArray[np.bool_]
MOST_CATEGORIES = 1_000
"""A text with more distinct values names things, and is no feature."""
BATCH_ROWS = 1 << 17
TYPICAL_ROWS = 100_000
"""So many rows tell what a feature usually is."""


@dataclass(frozen=True)
class Source:
    """Rows of features whose label is known: files of partials, and which of their rows.

    Attributes:
        limit: Rows are taken whose hash of the key is at most this; None takes all.
    """

    lake: Lake
    model: Model
    paths: tuple[str, ...]
    limit: int | None = None

    @property
    def rows(self) -> str:
        """What stands after FROM."""
        files = sql_list([self.lake.store.local(path) for path in self.paths])
        taken = f" AND hash({identifiers(self.model.key)}) <= {self.limit}::UBIGINT" if self.limit is not None else ""
        return f"read_parquet({files}, union_by_name = true) WHERE {identifier(self.model.label)} IS NOT NULL{taken}"

    def count(self) -> int:
        """How many rows there are."""
        if not self.paths:
            return 0
        with cursor() as con:
            (count,) = con.execute(f"SELECT count(*) FROM {self.rows}").fetchall()[0]
        return int(count)

    def sample(self, most: int | None) -> "Source":
        """About `most` of the rows, by key, if there are more: the same ones whenever it is asked."""
        if most is None or (count := self.count()) <= most:
            return self
        taken = 2**64 - 1 if self.limit is None else self.limit
        return replace(self, limit=most * taken // count)


def with_categories(source: Source, features: Sequence[Feature]) -> tuple[Feature, ...]:
    """The features with the categories that the rows have.

    Raises:
        Refused: A text has too many distinct values.
    """
    texts = [feature.name for feature in features if feature.kind == "category"]
    if not texts or not source.paths:
        return tuple(features)
    lists = ", ".join(
        f"list_sort(list(DISTINCT {identifier(name)}) FILTER ({identifier(name)} IS NOT NULL))" for name in texts
    )
    with cursor() as con:
        row = con.execute(f"SELECT {lists} FROM {source.rows}").fetchall()[0]
    found = dict(zip(texts, row, strict=True))
    for name, values in found.items():
        if len(values or ()) > MOST_CATEGORIES:
            raise Refused(
                f"{source.model.features}: {name} has {len(values):,} distinct values, a category at most "
                f"{MOST_CATEGORIES:,}: leave it out, or make fewer of them"
            )
    return tuple(replace(f, categories=tuple(found[f.name] or ())) if f.name in found else f for f in features)


def with_typical(source: Source, features: Sequence[Feature]) -> tuple[Feature, ...]:
    """The features with what they usually are, by a sample of the rows: for people who try the model out."""
    if not source.paths:
        return tuple(features)
    values = ", ".join(_usual(feature) for feature in features)
    with cursor() as con:
        row = con.execute(f"SELECT {values} FROM {source.sample(TYPICAL_ROWS).rows}").fetchall()[0]
    return tuple(replace(feature, typical=_typical(value)) for feature, value in zip(features, row, strict=True))


def _usual(feature: Feature) -> str:
    column = identifier(feature.name)
    if feature.kind == "category":
        return f"histogram({column})"  # It is sorted by value, so that ties always end alike.
    return f"quantile_disc({column if feature.kind == 'date' else sql_of(feature)}, 0.5)"


def _typical(found: object) -> str | float | None:
    if isinstance(found, dict):
        return str(max(found, key=lambda value: found[value])) if found else None
    if isinstance(found, date):
        return found.isoformat()
    return found if isinstance(found, float) and isfinite(found) else None


def read(
    source: Source, features: Sequence[Feature], derived: Sequence[Derived] | None = None
) -> tuple[Matrix, Labels]:
    """The matrix of a model's features, and the labels.

    Args:
        derived: The derived features, if they are not the model's.
    """
    derived = source.model.derived if derived is None else derived
    parts: list[Matrix] = []
    labels: list[Labels] = []
    if source.paths:
        values = ", ".join(f"{sql_of(feature)} AS f{index}" for index, feature in enumerate(features))
        with cursor() as con:
            found = con.sql(f"SELECT {values}, {identifier(source.model.label)} AS label FROM {source.rows}")
            for batch in found.to_arrow_reader(BATCH_ROWS):
                *columns, label = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
                numbers = np.column_stack(columns).astype(np.float64, copy=False)
                parts.append(matrix(numbers, features, derived))
                labels.append(label.astype(np.bool_))
    if not parts:
        width = len(names(features, derived))
        return np.empty((0, width), np.float32), np.empty(0, np.bool_)
    return np.concatenate(parts), np.concatenate(labels)
