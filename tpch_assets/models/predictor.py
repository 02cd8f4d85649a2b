"""A model's version, ready to predict: made once, used by many threads."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tpch_assets.models.features import Feature, Matrix, Unfit, encoders, matrix
from tpch_assets.schema.models import Derived

if TYPE_CHECKING:
    import xgboost


class Predictor:
    """Predicts with one booster. Small requests take no thread but the caller's, so many of them go side by side."""

    def __init__(self, booster: "xgboost.Booster", features: Sequence[Feature], derived: Sequence[Derived]) -> None:
        self._features, self._derived = tuple(features), tuple(derived)
        self._names = [feature.name for feature in self._features]
        self._encoders = encoders(self._features)
        booster.set_param({"nthread": 1})
        self._booster = booster

    def predict(self, records: Sequence[Mapping[str, object]]) -> list[float]:
        """The probability of the label for each record, as given by the model's features. Other keys do not count.

        Raises:
            Unfit: A value is missing or is not of its feature's kind; the message names the record, from 0.
        """
        numbers = np.empty((len(records), len(self._names)), np.float64)
        for row, record in enumerate(records):
            for column, (name, encode) in enumerate(zip(self._names, self._encoders, strict=True)):
                try:
                    numbers[row, column] = encode(record.get(name))
                except Unfit as error:
                    raise Unfit(f"record {row}: {error}") from None
        return self.probabilities(matrix(numbers, self._features, self._derived)).tolist() if records else []

    def probabilities(self, rows: Matrix) -> Matrix:
        """The probabilities for rows of the model's matrix."""
        found: Matrix = self._booster.inplace_predict(rows, validate_features=False)
        return found
