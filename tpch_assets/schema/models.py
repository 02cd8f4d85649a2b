"""A model that is trained on a business's own rows every day, as its business declares it.

What is trained, judged and stored of it belongs in `models/`; this module knows no data and no library.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Operation = Literal["days between", "weekday"]
OPERATIONS: Mapping[str, int] = {"days between": 2, "weekday": 1}
"""What a derived feature may be, and of how many dates."""


@dataclass(frozen=True)
class Derived:
    """A feature that is computed from dates, by the same code when a model is trained and when it predicts.

    Attributes:
        operation: `days between` is the first date minus the second; `weekday` is 0 on Mondays.
        of: The dates.
    """

    name: str
    operation: Operation
    of: tuple[str, ...]
    description: str

    def __post_init__(self) -> None:
        wanted = OPERATIONS.get(self.operation)
        if wanted is None or len(self.of) != wanted:
            allowed = ", ".join(f"{name} (of {count})" for name, count in OPERATIONS.items())
            raise ValueError(f"derived feature {self.name}: {self.operation} of {len(self.of)}; allowed are {allowed}")


@dataclass(frozen=True)
class Rule:
    """A rule of two lines that a model has to beat: what lies below a value, and what does not.

    Each side predicts the share that the training rows had there.
    """

    feature: str
    below: float


@dataclass(frozen=True)
class Limits:
    """What a new version has to keep to become the champion.

    Attributes:
        worse_auc: By how much its AUC may be below the champion's, on the same rows.
        worse_log_loss: By how much its log loss may be above the champion's, on the same rows.
        plausible_auc: An AUC above it, of the model or of one feature alone, is a leak.
        drift: The population stability index of a feature, between the training rows and the validation rows.
        least_rows: Fewer rows to train or to validate on tell nothing.
    """

    worse_auc: float = 0.01
    worse_log_loss: float = 0.01
    plausible_auc: float = 0.97
    drift: float = 0.25
    least_rows: int = 200


@dataclass(frozen=True, eq=False)
class Model:
    """A model that answers with the probability of a label.

    Attributes:
        name: Also the name of its asset, `gold/<name>`.
        features: A `.sql` file with one plain SELECT, a row per thing to predict: its columns are the key, the label
            and the features. Numbers, texts and dates are understood; dates only through `derived`.
        key: The columns that name a row. They are not features.
        label: The column that is true where what is predicted came true.
        barred: Columns that no feature may come from, each with why.
        derived: Features computed from dates.
        rule: The rule that stands beside every figure.
        parameters: XGBoost's parameters, on top of `models.training.PARAMETERS`.
        rounds: Trees.
        validation_days: The last days, which the model is judged on and does not see.
        history_days: How many days before these it is trained on, at most.
        most_rows: How many rows it is trained on at most: of more, a fixed sample by key.
        threshold: The probability from which the decision is yes.
    """

    name: str
    features: Path
    key: tuple[str, ...]
    label: str
    barred: Mapping[str, str] = field(default_factory=dict)
    derived: tuple[Derived, ...] = ()
    rule: Rule | None = None
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    rounds: int = 60
    validation_days: int = 1
    history_days: int = 28
    most_rows: int | None = 2_000_000
    threshold: float = 0.5
    limits: Limits = Limits()
