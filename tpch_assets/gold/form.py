"""How a query runs: as a partial per shard and a combine, or whole, as its plain statement over all files.

A plain statement is cut in two by `derive/`, and both forms are compared once on nasty data. That takes a while, so it
is done when an answer is planned, and the verdict is kept: in this process, and in the lake beside the partials. A
business may ship the verdicts on its queries in `forms.json` beside them; for a query edited since it says nothing.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata

import duckdb

from tpch_assets.gold.kept import write
from tpch_assets.gold.partials import FOLDER
from tpch_assets.gold.queries import Query, Value
from tpch_assets.gold.sql_file import parameter_names
from tpch_assets.gold.syntax import normal
from tpch_assets.lake.lake import Lake
from tpch_assets.schema import Business

VERSION = 1
"""Raise it when `derive/` cuts statements in another way: then all are cut anew."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Form:
    """How a query runs.

    Attributes:
        combine: The statement over all partials; without a partial, the whole statement.
        partial: The statement per shard, if any.
        group: The name of the group of facts whose shards it reads.
        whole: Why a query over facts has no partial; empty if it has one, or reads dimensions alone.
        warning: What somebody should look at: the two forms differ, or could not be compared.
    """

    combine: str
    partial: str | None = None
    group: str | None = None
    whole: str = ""
    warning: str = ""


_known: dict[str, Form] = {}
SHIPPED = "forms.json"
KEPT = "_forms"


def form_of(query: Query, business: Business, values: Mapping[str, Value], lake: Lake | None = None) -> Form:
    """How a query runs.

    Args:
        values: Of the query's parameters on any day, for the comparison.
        lake: Keeps the verdict for other processes; without one, this process alone does.
    """
    if query.plain is None or not query.groups:
        assert query.plain or query.combine, "a query has one of the two"
        group = query.groups[0].name if query.groups else None
        return Form(query.combine or query.plain or "", query.partial, group)
    digest = _digest(query, business, values)
    if digest not in _known:
        kept = shipped(business).get(digest) or (_kept(lake, digest) if lake else None)
        _known[digest] = kept or _judged(query, query.plain, business, values)
        if lake and not kept:
            _keep(lake, digest, _known[digest])
    return _known[digest]


def shipped(business: Business) -> dict[str, Form]:
    """The verdicts that came with the business, by what they depend on."""
    path = business.queries / SHIPPED
    if not path.exists():
        return {}
    return {digest: Form(**form) for digest, form in json.loads(path.read_text(encoding="utf-8")).items()}


def ship(business: Business, queries: Iterable[Query], values: Mapping[str, Mapping[str, Value]]) -> int:
    """Write the verdicts on all plain queries over facts beside them, and return how many there are.

    Args:
        values: Of each query's parameters on any day, by query.
    """
    forms = {
        _digest(query, business, values[query.name]): asdict(form_of(query, business, values[query.name]))
        for query in queries
        if query.plain is not None and query.groups
    }
    text = json.dumps(forms, indent=2, sort_keys=True) + "\n"
    write(business.queries / SHIPPED, text)
    return len(forms)


def _judged(query: Query, plain: str, business: Business, values: Mapping[str, Value]) -> Form:
    """The verdict: cut in two, if both forms give the same."""
    # sqlglot takes a while to import, and nothing needs it but this.
    from tpch_assets.gold.derive import Derived, Whole, derive
    from tpch_assets.gold.derive.gate import difference

    try:
        if query.partial is not None and query.combine is not None:
            cut: Derived | Whole = Derived(query.partial, query.combine, query.groups[0].name)
        else:
            cut = derive(plain, business, query.param_types)
        if isinstance(cut, Whole):
            return Form(plain, whole=cut.reason)
        differs = difference(plain, cut, business, values)
    except Exception as error:  # noqa: BLE001 - the plain statement is right in any case
        _log.exception("%s: its statement could not be cut in two", query.name)
        why = f"cutting it in two failed ({type(error).__name__}: {error})"
        return Form(plain, whole=why, warning=f"{query.name} runs whole: {why}")
    if differs:
        why = f"its partial and combine give another answer than the plain statement: {differs}"
        return Form(plain, whole=why, warning=f"{query.name} runs whole: {why}")
    return Form(cut.combine, cut.partial, cut.group)


@cache
def _sqlglot() -> str:
    """The version of sqlglot, whose lookup reads files and is asked for with every answer."""
    return metadata.version("sqlglot")


def _digest(query: Query, business: Business, values: Mapping[str, Value]) -> str:
    """Names everything a verdict depends on. It is one for all days."""
    tables = [
        (
            table.name,
            table.key,
            table.colocated_by,
            table.group,
            [(c.name, c.stored, c.nullable) for c in table.columns],
        )
        for table in business.tables
        if table.name in query.tables
    ]
    texts = [*query.statements.values(), *query.param_expressions.values()]
    parts = [
        {name: normal(text) for name, text in query.statements.items()},
        {name: normal(f"SELECT {text}") for name, text in query.param_expressions.items()},
        tables,
        values["scale_factor"] if "scale_factor" in parameter_names(" ".join(texts)) else None,
        duckdb.__version__,
        _sqlglot(),
        VERSION,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def kept_name(query: Query, business: Business, values: Mapping[str, Value]) -> str:
    """The name under which a verdict is kept in the lake."""
    return f"{_digest(query, business, values)}.json"


def _path(lake: Lake, digest: str) -> str:
    return lake.path(FOLDER, KEPT, f"{digest}.json")


def _kept(lake: Lake, digest: str) -> Form | None:
    content = lake.store.content(_path(lake, digest))
    try:
        return None if content is None else Form(**json.loads(content))
    except (ValueError, TypeError):
        return None  # It is damaged: it is made, and kept, again.


def _keep(lake: Lake, digest: str, form: Form) -> None:
    lake.write(_path(lake, digest), json.dumps(asdict(form)).encode())
