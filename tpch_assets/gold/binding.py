"""Binds a file's statements to empty typed tables, so that a mistake is told when definitions load, with its line."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb

from tpch_assets.compute.catalog import binder
from tpch_assets.gold import exact
from tpch_assets.gold.sql_file import (
    GIVEN_PARAMETERS,
    Malformed,
    Section,
    SqlFile,
    Statement,
    parameter_names,
    with_types,
)
from tpch_assets.gold.syntax import NotASelect
from tpch_assets.schema import Business

Columns = tuple[tuple[str, str], ...]
"""Columns as (name, SQL type)."""
_GIVEN_TYPES = {"scale_factor": "DOUBLE", "as_of": "DATE"}
_LINE = re.compile(r"\n\s*LINE (\d+):")
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")
_CANDIDATE_FUNCTIONS = re.compile(r"\s*You might need to add explicit type casts\.\s*Candidate functions:.*", re.DOTALL)


def bound(business: Business, file: SqlFile) -> tuple[Columns, dict[str, str]]:
    """The answer's columns, and the types of all parameters.

    Raises:
        Malformed: A statement or a parameter does not fit the tables, or plain statement and override differ.
    """
    _check_parameters(file)
    with binder(business.tables) as con:
        types = _GIVEN_TYPES | _parameter_types(con, file)
        plain = _columns_of(con, file, "statement", types) if "statement" in file.statements else None
        if "partial" in file.statements:
            partial = _columns_of(con, file, "partial", types)
            with located(file.statements["partial"], "statement"):
                exact.check_partial(partial)
            con.execute(f"CREATE TEMP TABLE partials AS FROM {_wrapped(file.statements['partial'], types)} LIMIT 0")
        columns = _columns_of(con, file, "combine", types) if "combine" in file.statements else plain
    assert columns is not None, "a file has a plain statement or a combine"
    with located(next(reversed(file.statements.values())), "statement"):
        exact.check_answer(columns)
    if plain is not None and plain != columns:
        raise Malformed(
            f"combine gives the columns {_shown(columns)}, but the plain statement {_shown(plain)}",
            file.statements["combine"].line,
        )
    return columns, types


@contextmanager
def located(statement: Statement, section: Section) -> Iterator[None]:
    """Turn an error about a statement into one that says what is wrong, and on which line of the file.

    Raises:
        Malformed: Instead of DuckDB's errors and of others that are about the statement.
    """
    prefix = "" if section == "statement" else f"{section}: "
    try:
        yield
    except NotASelect as error:
        line = statement.line
        if error.position is not None:
            line += statement.text.encode()[: error.position].count(b"\n")
        raise Malformed(f"{prefix}{error}", line) from error
    except Malformed:
        raise
    except duckdb.Error as error:
        raise Malformed(f"{prefix}{_sentence(error)}", _line_of_error(statement, str(error))) from error
    except ValueError as error:
        raise Malformed(str(error), statement.line) from error


def _check_parameters(file: SqlFile) -> None:
    """Checks that parameters are declared and used."""
    for statement in file.statements.values():
        if undeclared := sorted(set(parameter_names(statement.text)).difference(file.expressions, GIVEN_PARAMETERS)):
            raise Malformed(
                f"uses undeclared parameters: {', '.join(undeclared)}", _line_of(statement, f"${undeclared[0]}")
            )
    used = {name for statement in file.statements.values() for name in parameter_names(statement.text)}
    if unused := sorted(set(file.expressions).difference(used)):
        raise Malformed(f"declares parameters it does not use: {', '.join(unused)}", file.lines[f"param {unused[0]}"])
    for name, expression in file.expressions.items():
        if undeclared := sorted(set(parameter_names(expression)).difference(GIVEN_PARAMETERS)):
            raise Malformed(
                f"param {name} may use only {', '.join(GIVEN_PARAMETERS)}, not {', '.join(undeclared)}",
                file.lines[f"param {name}"],
            )


def _line_of_error(statement: Statement, message: str) -> int:
    """The line that DuckDB names, or else that of the first name it quotes."""
    if found := _LINE.search(message):
        return statement.line + max(int(found[1]) - 2, 0)  # Its text begins below the line that wraps it.
    quoted = re.search(r'"(\w+)"', message)
    return _line_of(statement, quoted[1]) if quoted else statement.line


def _line_of(statement: Statement, text: str) -> int:
    """The line on which a text first stands; the statement's first if it does not."""
    return statement.line + statement.text[: max(statement.text.find(text), 0)].count("\n")


def _parameter_types(con: duckdb.DuckDBPyConnection, file: SqlFile) -> dict[str, str]:
    found = {}
    for name, expression in file.expressions.items():
        select = f"SELECT {with_types(expression, _GIVEN_TYPES)}"
        try:
            (found[name],) = map(str, con.sql(select).types)
        except (duckdb.Error, ValueError) as error:
            why = _sentence(error) if isinstance(error, duckdb.Error) else "it is not one value"
            raise Malformed(f"param {name}: {why}", file.lines[f"param {name}"]) from error
    return found


def _columns_of(con: duckdb.DuckDBPyConnection, file: SqlFile, section: Section, types: Mapping[str, str]) -> Columns:
    statement = file.statements[section]
    with located(statement, section):
        # `execute` tells the line of an error, `sql` does not.
        con.execute(f"DESCRIBE {_wrapped(statement, types)}")
    return tuple((str(row[0]), str(row[1])) for row in con.fetchall())


def _wrapped(statement: Statement, types: Mapping[str, str]) -> str:
    return f"(\n{with_types(statement.text, types)}\n)"


def _shown(columns: Columns) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in columns)


def _sentence(error: duckdb.Error) -> str:
    """What DuckDB says in one sentence, without its picture of the statement, and with the nearest name alone."""
    text = _LINE.split(str(error))[0]
    text = _CANDIDATE_FUNCTIONS.sub(" CAST one of its arguments.", text)
    if nearest := _CANDIDATES.search(text):
        text = _CANDIDATES.sub(f"Did you mean {nearest[1].split(', ')[0]}?", text)
    kind, _, rest = " ".join(text.split()).partition(" Error: ")
    return (rest or kind)[:500]
