"""Derives the two statements that gold runs, `partial` and `combine`, from one plain SELECT.

It knows only which columns are colocation keys and primary keys: no data, no statistics, no referential integrity.

The way of a statement, and where to read on:

1. `prepare` (with `names`, `joins`, `refuse`) brings it into one form; `inexact` refuses what a last digit decides.
2. `cut` takes its queries apart (`block`), from the outermost in: what each shard can do by itself (`locality`) goes
   into a fragment (`fragments`, `late`), and what stands for it in combine is put in its place (`lift`).
3. Aggregates are split in two (`aggregates`, `moments`); `push` keeps partials small.
4. `assemble` writes both statements, and `check` asks DuckDB for names and types, by binding them to empty tables.
"""

from collections.abc import Mapping

import duckdb
from sqlglot.errors import SqlglotError

from tpch_assets.gold import exact
from tpch_assets.gold.derive.assemble import combine_of, partial_of, with_columns
from tpch_assets.gold.derive.check import Columns, Types, first_line, text
from tpch_assets.gold.derive.cut import Around, Cutter
from tpch_assets.gold.derive.inexact import Inexact
from tpch_assets.gold.derive.locality import Locality
from tpch_assets.gold.derive.outcome import Derived, Whole
from tpch_assets.gold.derive.prepare import prepare
from tpch_assets.gold.derive.tree import NotCut, tables
from tpch_assets.schema import Business

__all__ = ["Derived", "Whole", "derive"]


def derive(statement: str, business: Business, types: Mapping[str, str]) -> Derived | Whole:
    """Cut a plain statement in two. A pure function: the same text for the same arguments.

    Args:
        statement: One SELECT over the business's tables, valid for DuckDB; parameters are written `$name`.
        types: The SQL types of the parameters.

    Returns:
        The two statements, or why the statement has to run over all files.
    """
    try:
        wanted = Types(business, types).columns(statement)
    except duckdb.Error as error:
        return Whole(f"it does not fit the tables: {first_line(error)}")
    except KeyError as error:
        return Whole(f"the type of its parameter {error.args[0]} is not known")
    reason = ""
    for whole in (True, False):
        try:
            return _derive(statement, business, Types(business, types), wanted, whole=whole)
        except NotCut as error:
            reason = reason or str(error)
        except SqlglotError as error:
            reason = reason or f"it is not understood: {first_line(error)}"
        except duckdb.Error as error:
            reason = reason or f"what was derived does not fit the tables: {first_line(error)}"
        except RecursionError:
            return Whole("it is nested too deep")
    return Whole(reason)


def _derive(statement: str, business: Business, types: Types, wanted: Columns, *, whole: bool) -> Derived:
    tree = prepare(statement, business)
    group = _group_of(tables(tree), business)
    Inexact(types).check(tree)
    locality = Locality(business)
    cutter = Cutter(locality, types, whole=whole)
    tree = cutter.cut(tree, Around())
    partial, sources = partial_of(cutter.fragments, types)
    columns = types.columns(partial)
    try:
        exact.check_partial(columns)
    except ValueError as error:
        raise NotCut(str(error)) from error
    tree = combine_of(tree, sources)
    found = types.columns(text(tree), columns)
    combine = with_columns(tree, wanted, found)
    if combine is None and len(wanted) > len(found):
        raise NotCut("it shows * of a table, which includes a column of the engine's own: name the columns")
    if combine is None or types.columns(text(combine), columns) != wanted:
        raise NotCut("what was derived has columns of other names or types")
    return Derived(partial, text(combine), group)


def _group_of(names: set[str], business: Business) -> str:
    """The one group of facts that a statement reads.

    Raises:
        NotCut: There is none, or there are several.
    """
    groups = [group.name for group in business.groups if names.intersection(group.names)]
    if not groups:
        raise NotCut("it reads no facts")
    if len(groups) > 1:
        raise NotCut(f"it reads facts of several groups, {' and '.join(groups)}, which are not colocated")
    return groups[0]
