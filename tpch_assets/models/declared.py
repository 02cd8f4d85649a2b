"""The models of a business, checked and bound to its tables. Nothing here runs or knows where data lies."""

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tpch_assets.gold import kept
from tpch_assets.gold.lineage import Origin, origins
from tpch_assets.gold.queries import BrokenQuery, Query, load_queries, load_query
from tpch_assets.gold.sql_file import parameter_names
from tpch_assets.gold.syntax import columns_read, normal
from tpch_assets.lake.lake import Refused
from tpch_assets.models.features import Feature, Kind, names
from tpch_assets.models.registry import TABLE
from tpch_assets.schema import Business, Group
from tpch_assets.schema.models import Model
from tpch_assets.schema.spelling import nearest

NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*\)|DOUBLE|FLOAT|REAL")
_ROW_BY_ROW = re.compile(r"SELECT (?!DISTINCT)[^()]+ FROM partials AS f0")
"""What derived statements combine row by row: there is no aggregate, window or subquery without parentheses."""


@dataclass(frozen=True, eq=False)
class BoundModel:
    """A model that can be trained.

    Attributes:
        query: The features' file, read as a query is.
        group: The group of facts whose shards its rows come from.
        features: What a prediction is asked with, without categories: these are the training rows'.
        digest: Names the features' code: comments, white space and the case of keywords do not count.
    """

    declared: Model
    query: Query
    group: Group
    features: tuple[Feature, ...]
    digest: str

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def statement(self) -> str:
        """What runs over each shard. Its rows have one order, whatever computes them."""
        return _statement(self.declared, self.query)

    @property
    def columns(self) -> list[str]:
        """The columns of the matrix."""
        return names(self.features, self.declared.derived)


def load_models(business: Business) -> dict[str, BoundModel]:
    """The models of a business by name. Broken ones are left out."""
    return {one.name: one for one in _all(business) if isinstance(one, BoundModel)}


def broken_models(business: Business) -> dict[str, BrokenQuery]:
    """The models that `load_models` leaves out, by name, each with what is wrong."""
    return {one.name: one for one in _all(business) if isinstance(one, BrokenQuery)}


@functools.cache
def _all(business: Business) -> tuple[BoundModel | BrokenQuery, ...]:
    return tuple(_bound(business, model) for model in business.models)


def _bound(business: Business, model: Model) -> BoundModel | BrokenQuery:
    try:
        query = load_query(business, model.features)
    except ValueError as error:
        return BrokenQuery(model.name, str(error))
    try:
        _check_name(business, model)
        if query.plain is None or query.partial or parameter_names(query.plain) or len(query.groups) != 1:
            raise ValueError("features are one plain SELECT without parameters, over facts of one group")
        _check_columns(model, dict(query.columns))
        features = _features(business, model, query)
        _check_features(model, features)
        known = {column for table in business.tables for column in table.column_names}
        if unknown := [column for column in model.barred if column not in known]:
            raise ValueError(f"it bars {unknown[0]}, which no table has{nearest(unknown[0], sorted(known))}")
    except ValueError as error:
        return BrokenQuery(model.name, f"{model.features}: the model {model.name}: {error}")
    # Its partials and digests go by the model's name.
    query = replace(query, name=model.name)
    return BoundModel(model, query, query.groups[0], features, _digest(business, _statement(model, query), query))


def _statement(model: Model, query: Query) -> str:
    places = [str(index) for index, (name, _) in enumerate(query.columns, 1) if name in model.key]
    return f"{query.plain}\nORDER BY {', '.join(places)}"


def _digest(business: Business, statement: str, query: Query) -> str:
    def make() -> str:
        return hashlib.sha256(json.dumps([normal(statement), query.columns]).encode()).hexdigest()[:12]

    return kept.found(business.queries, ["features", statement, query.columns], make, str)


def _check_name(business: Business, model: Model) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", model.name):
        raise ValueError("a model's name is made of lower-case letters, digits and _")
    taken = {TABLE, *load_queries(business)}
    if model.name in taken or [one.name for one in business.models].count(model.name) > 1:
        raise ValueError("the name is taken; choose another one")


def _features(business: Business, model: Model, query: Query) -> tuple[Feature, ...]:
    known = origins(query, business)
    rest = [(name, type_) for name, type_ in query.columns if name not in (*model.key, model.label)]
    return tuple(_feature(business, query, name, _kind(name, type_), known.get(name)) for name, type_ in rest)


def _kind(name: str, type_: str) -> Kind:
    if NUMBERS.fullmatch(type_):
        return "number"
    kinds: dict[str, Kind] = {"VARCHAR": "category", "DATE": "date"}
    if type_ not in kinds:
        raise ValueError(f"the feature {name} is {type_}: CAST it to a number, a VARCHAR or a DATE")
    return kinds[type_]


def _feature(business: Business, query: Query, name: str, kind: Kind, origin: Origin | None) -> Feature:
    """A feature, described by the column that it is; nullable if a column that it comes from is, or may be."""
    sources = [business.table(table).column(column) for table, column in (origin.sources if origin else ())]
    same = origin is not None and origin.same
    return Feature(
        name,
        kind,
        nullable=not sources or any(column.nullable for column in sources),
        description=query.titles.get(name) or (sources[0].description if same else ""),
    )


def _check_columns(model: Model, types: Mapping[str, str]) -> None:
    for name in (*model.key, model.label):
        if name not in types:
            raise ValueError(f"its features have no column {name}{nearest(name, list(types))}")
    if types[model.label] != "BOOLEAN":
        raise ValueError(f"the label {model.label} is {types[model.label]}; it has to be BOOLEAN")


def _check_features(model: Model, features: tuple[Feature, ...]) -> None:
    dates = {feature.name for feature in features if feature.kind == "date"}
    for one in model.derived:
        if unknown := [name for name in one.of if name not in dates]:
            raise ValueError(f"{one.name} is derived from {unknown[0]}, which is no DATE of its features")
    if unused := sorted(dates - {name for one in model.derived for name in one.of}):
        raise ValueError(f"the date {unused[0]} is of no use by itself: derive a feature from it, or leave it out")
    columns = names(features, model.derived)
    if not columns or len(set(columns)) < len(columns):
        raise ValueError("it has no feature" if not columns else "two features have one name")
    numbers = {f.name for f in features if f.kind == "number"} | {one.name for one in model.derived}
    if model.rule and model.rule.feature not in numbers:
        raise ValueError(f"its rule is about {model.rule.feature}, which is no number of its features")


def check_features(bound: BoundModel, business: Business) -> None:
    """Refuse features that are not made row by row, or that read what is barred.

    Raises:
        Refused: They are; the message says what to change.
    """
    if problem := problem_of(bound, business):
        raise Refused(problem)


def problem_of(bound: BoundModel, business: Business) -> str:
    """Why features would be refused, in one sentence; empty if they would not."""
    reason = _wrong(bound, business)
    return f"{bound.declared.features}: the model {bound.name}: {reason}" if reason else ""


@functools.cache
def _wrong(bound: BoundModel, business: Business) -> str:
    # sqlglot takes a while to import, and nothing needs it when definitions load.
    import sqlglot
    from sqlglot import exp

    from tpch_assets.gold.derive import Whole, derive

    statement = bound.query.plain or ""
    cut = derive(statement, business, {})
    if isinstance(cut, Whole) or not _ROW_BY_ROW.fullmatch(cut.combine):
        why = cut.reason if isinstance(cut, Whole) else "they aggregate, sort or compare rows of several shards"
        return f"its features are not made row by row: {why}"
    whole = sqlglot.parse_one(statement, dialect="duckdb")
    selects = whole.selects if isinstance(whole, exp.Query) else []
    label = [one for one in selects if one.alias_or_name == bound.declared.label]
    if not label:
        return f"name the label {bound.declared.label} in the outer SELECT"
    label[0].replace(exp.alias_(exp.true(), bound.declared.label))
    rest = whole.sql(dialect="duckdb")
    for table in business.tables:
        for column in columns_read(rest, table):
            if column in bound.declared.barred:
                return f"its features read {column}, which is barred: {bound.declared.barred[column]}"
    return ""
