"""What a model's columns are, and how their values become the numbers that XGBoost sees.

Training and predicting share `matrix`, which computes the derived features. Before it, a value becomes a number: by
`number_of` here, and by `sql_of` where DuckDB reads many rows; a test compares the two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import nan
from typing import Literal

import numpy as np
import numpy.typing as npt

from tpch_assets.compute.database import identifier, quote
from tpch_assets.schema.models import Derived

Kind = Literal["number", "category", "date"]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Feature:
    """One column that a prediction is asked with.

    Attributes:
        kind: A date is used only through derived features.
        categories: The values that the model knows, sorted; another one counts as missing.
        typical: What it usually is in the training data, as JSON has it: the median of numbers and dates, the most
            frequent text. None if that is not known.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    nullable: bool = False
    description: str = ""
    typical: str | float | None = None


class Unfit(ValueError):
    """A value cannot be a feature's; the message names the record, the feature and what is allowed."""


def names(features: Sequence[Feature], derived: Sequence[Derived]) -> list[str]:
    """The columns of the matrix, in order."""
    return [f.name for f in features if f.kind != "date"] + [d.name for d in derived]


def types(features: Sequence[Feature], derived: Sequence[Derived]) -> list[str]:
    """XGBoost's types of the matrix's columns: `c` for categories, `q` for numbers."""
    return ["c" if f.kind == "category" else "q" for f in features if f.kind != "date"] + ["q"] * len(derived)


def matrix(numbers: Floats, features: Sequence[Feature], derived: Sequence[Derived]) -> Matrix:
    """The matrix that XGBoost sees.

    Args:
        numbers: A row per record and a column per feature, NaN where there is no value.
    """
    place = {feature.name: index for index, feature in enumerate(features)}
    kept = [index for index, feature in enumerate(features) if feature.kind != "date"]
    made = np.empty((len(numbers), len(kept) + len(derived)), np.float32)
    made[:, : len(kept)] = numbers[:, kept]
    for index, one in enumerate(derived, len(kept)):
        made[:, index] = _derived(one, [numbers[:, place[name]] for name in one.of])
    return made


def _derived(one: Derived, of: list[Floats]) -> Floats:
    match one.operation:
        case "days between":
            return of[0] - of[1]
        case "weekday":
            return (of[0] + 3) % 7  # 1970 began on a Thursday.


def encoders(features: Sequence[Feature]) -> list[Callable[[object], float]]:
    """What makes a number of each feature's value; each raises `Unfit`."""
    return [_encoder(feature) for feature in features]


def _encoder(feature: Feature) -> Callable[[object], float]:
    codes: Mapping[str, float] = {value: float(code) for code, value in enumerate(feature.categories)}
    encode = {"number": _number, "category": lambda value: codes.get(_text(value), nan), "date": _day}[feature.kind]

    def encoded(value: object) -> float:
        if value is None:
            if not feature.nullable:
                raise Unfit(f"{feature.name} is missing")
            return nan
        try:
            return encode(value)
        except _Wanted as wanted:
            shown = repr(value)
            shown = shown if len(shown) < 60 else type(value).__name__
            raise Unfit(f"{feature.name} is {shown}; it has to be {wanted}") from None

    return encoded


class _Wanted(ValueError):
    """A value is not what it has to be; the message names that."""


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _Wanted("a number")
    try:
        found = float(value)
    except OverflowError:
        found = nan
    if not np.isfinite(np.float32(found)):
        raise _Wanted("a finite number")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Wanted("a text")
    return value


def _day(value: object) -> float:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise _Wanted("a date such as 2026-01-31") from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _Wanted("a date such as 2026-01-31")
    return float(value.toordinal() - EPOCH)


def sql_of(feature: Feature) -> str:
    """The same as an SQL expression over the features' table: a DOUBLE, NULL where there is no value."""
    column = identifier(feature.name)
    match feature.kind:
        case "number":
            return f"{column}::DOUBLE"
        case "date":
            return f"({column} - DATE '1970-01-01')::DOUBLE"
        case "category":
            known = ", ".join(map(quote, feature.categories))
            return f"nullif(list_position([{known}]::VARCHAR[], {column}) - 1, -1)::DOUBLE"
