"""The registry of models, `gold/models`: which versions there are, what made them, and which one is the champion.

A Delta table with a partition per model and a row per version. The models themselves are files in `models/<model>`, in
XGBoost's own format. Whether a version becomes the champion is decided in `judgement`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from tpch_assets.lake.commit import CommitConflict, commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import Snapshot, read, snapshot
from tpch_assets.lake.update import copy_table
from tpch_assets.layers import GOLD
from tpch_assets.models import library
from tpch_assets.models.features import Feature
from tpch_assets.models.predictor import Predictor
from tpch_assets.schema.models import Derived

TABLE = "models"
KEPT_DAYS = 30
"""The versions of so many days are kept, the latest of each day, and the champion in any case."""
TRIES = 5

Status = Literal["champion", "challenger", "kept back"]
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Bin:
    """One bin of a calibration: rows by what was predicted for them."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        version: `<day>-<digest of what made it>`.
        day: The last day that it was trained or judged on.
        path: Its file below the lake; empty if there was nothing to train on.
        features: What a prediction is asked with.
        derived: What is computed from it.
        metrics: On the validation rows: `auc`, `log_loss`, `calibration_error`, `accuracy`, `label_rate`, `rows`,
            `training_rows`.
        baselines: The same of `majority`, `rule` (if there is one) and `champion` (the one it was compared with).
        importances: By column of the matrix: the share of the total gain.
        threshold: The probability from which the decision is yes.
        inputs: What made it: `identity`, `silver` versions, `features` digest, `parameters`, `libraries` and more.
        status: The champion serves; a challenger is sound, and does not; a version that is kept back has failed.
        reason: Why it is not the champion.
        drift: By column of the matrix: the population stability index of the validation rows.
        sha256: Of its file.
    """

    model: str
    version: str
    day: str
    trained_at: datetime
    path: str
    features: tuple[Feature, ...]
    metrics: Figures
    baselines: Mapping[str, Figures]
    importances: Figures
    calibration: tuple[Bin, ...]
    threshold: float
    inputs: Mapping[str, Any]
    status: Status
    reason: str
    derived: tuple[Derived, ...] = ()
    drift: Figures = field(default_factory=dict)
    sha256: str = ""


_TEXTS = ("features", "derived", "baselines", "importances", "calibration", "metrics", "drift", "inputs")
_FIGURES = ("auc", "log_loss", "calibration_error")
SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("version", pa.string()),
        ("day", pa.string()),
        ("trained_at", pa.timestamp("us", tz="UTC")),
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("threshold", pa.float64()),
        *((name, pa.float64()) for name in _FIGURES),
        *((name, pa.string()) for name in _TEXTS),
    ]
)
"""The registry's columns: figures that people plot as numbers, the rest as JSON."""


def versions(lake: Lake, model: str) -> list[ModelVersion]:
    """The versions of a model, the oldest day first."""
    return _versions(_table(lake), model)


def paths(lake: Lake) -> set[str]:
    """The files of all versions of all models, below the lake."""
    table = _table(lake)
    return set(read(table)["path"].to_pylist()) if table.files else set()


def champion(lake: Lake, model: str) -> ModelVersion | None:
    """The version that serves, if any."""
    return champion_of(versions(lake, model))


def champion_of(found: Sequence[ModelVersion]) -> ModelVersion | None:
    """The champion among versions."""
    return next((one for one in found if one.status == "champion"), None)


def fingerprint(lake: Lake, model: str) -> str:
    """Changes whenever the registry does. It opens the table and reads no file."""
    table = _table(lake)
    return f"{table.id} {table.version}"


def load(lake: Lake, version: ModelVersion) -> Predictor:
    """A version, ready to predict.

    Raises:
        LakeError: It has no file, or the file is damaged.
    """
    if not version.path:
        raise LakeError(f"{version.model} {version.version} was not trained: {version.reason}")
    uri = lake.path(version.path)
    content = lake.store.content(uri)
    # XGBoost aborts the process on a file that is damaged.
    if content is None or hashlib.sha256(content).hexdigest() != version.sha256:
        why = "does not exist" if content is None else "is damaged"
        raise LakeError(f"The model {uri} {why}: train it again, by materializing its day.")
    booster = library.xgboost().Booster()
    booster.load_model(bytearray(content))
    return Predictor(booster, version.features, version.derived)


def change(lake: Lake, model: str, edit: Callable[[list[ModelVersion]], list[ModelVersion]]) -> list[ModelVersion]:
    """Change a model's versions, in one commit; the edit runs again on what another writer left.

    Args:
        edit: Gets the versions and returns all that are to be. It has no other effect.

    Raises:
        CommitConflict: Other writers won every attempt.
    """
    for attempt in range(TRIES):
        table = _table(lake)
        wanted = edit(_versions(table, model))
        rows = pa.Table.from_pylist([_row(one) for one in wanted], SCHEMA)
        written = write_file(
            lake,
            table.uri,
            model,
            "{content}.parquet",
            lambda path, rows=rows: copy_table(rows, path, GOLD.parquet.options),  # type: ignore[misc]
        )
        try:
            commit(lake, table.uri, [written], {model}, schema=SCHEMA, base=table.version)
        except CommitConflict:
            if attempt == TRIES - 1:
                raise
            continue
        return wanted
    raise AssertionError("the last attempt returns or raises")


def retained(found: Sequence[ModelVersion]) -> list[ModelVersion]:
    """Those that are kept: of the latest days the latest version each, and the champion."""
    by_day = {one.day: one for one in sorted(found, key=lambda one: one.trained_at)}
    kept = {by_day[day].version for day in sorted(by_day)[-KEPT_DAYS:]}
    return sorted(
        (v for v in found if v.version in kept or v.status == "champion"), key=lambda v: (v.day, v.trained_at)
    )


def succeeded(found: Sequence[ModelVersion], by: ModelVersion) -> list[ModelVersion]:
    """The versions with one more. If it is a champion, the one before steps back."""
    rest = [one for one in found if one.version != by.version]
    if by.status == "champion":
        why = f"replaced by {by.version}"
        rest = [replace(v, status="challenger", reason=why) if v.status == "champion" else v for v in rest]
    return retained([*rest, by])


def _table(lake: Lake) -> Snapshot:
    return snapshot(lake, lake.table(GOLD.name, TABLE))


def described(rows: pa.Table) -> list[ModelVersion]:
    """The versions that rows of the registry's table describe, the oldest day first."""
    return sorted(map(_version, rows.to_pylist()), key=lambda one: (one.day, one.trained_at))


def _versions(table: Snapshot, model: str) -> list[ModelVersion]:
    return described(read(table, table.of({model})))


def _row(one: ModelVersion) -> dict[str, Any]:
    row = {name: value for name, value in asdict(one).items() if name not in _TEXTS}
    texts = {name: json.dumps(asdict(one)[name], sort_keys=True) for name in _TEXTS}
    return {**row, **texts, **{name: one.metrics.get(name) for name in _FIGURES}}


def _version(row: dict[str, Any]) -> ModelVersion:
    texts = {name: json.loads(row[name]) for name in _TEXTS}
    plain = {name: row[name] for name in ("model", "version", "day", "path", "sha256", "status", "reason", "threshold")}
    texts["features"] = tuple(Feature(**{**f, "categories": tuple(f["categories"])}) for f in texts["features"])
    texts["derived"] = tuple(Derived(**{**d, "of": tuple(d["of"])}) for d in texts["derived"])
    texts["calibration"] = tuple(Bin(**one) for one in texts["calibration"])
    return ModelVersion(**plain, trained_at=row["trained_at"].astimezone(UTC), **texts)
