"""What is wrong with a statement, in one sentence with its line. How it is found out does not belong here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from tpch_assets.gold.sql_file import Malformed, Section, Statement
from tpch_assets.gold.syntax import NotASelect

_LINE = re.compile(r"\n\s*LINE (\d+):")
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")
_CANDIDATE_FUNCTIONS = re.compile(r"\s*You might need to add explicit type casts\.\s*Candidate functions:.*", re.DOTALL)


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
        raise Malformed(f"{prefix}{sentence(error)}", _line_of_error(statement, str(error))) from error
    except ValueError as error:
        raise Malformed(str(error), statement.line) from error


def line_of(statement: Statement, text: str) -> int:
    """The line on which a text first stands; the statement's first if it does not."""
    return statement.line + statement.text[: max(statement.text.find(text), 0)].count("\n")


def sentence(error: duckdb.Error) -> str:
    """What DuckDB says in one sentence, without its picture of the statement, and with the nearest name alone."""
    text = _LINE.split(str(error))[0]
    text = _CANDIDATE_FUNCTIONS.sub(" CAST one of its arguments.", text)
    if nearest := _CANDIDATES.search(text):
        text = _CANDIDATES.sub(f"Did you mean {nearest[1].split(', ')[0]}?", text)
    kind, _, rest = " ".join(text.split()).partition(" Error: ")
    return (rest or kind)[:500]


def _line_of_error(statement: Statement, message: str) -> int:
    """The line that DuckDB names, or else that of the first name it quotes."""
    if found := _LINE.search(message):
        return statement.line + max(int(found[1]) - 2, 0)  # Its text begins below the line that wraps it.
    quoted = re.search(r'"(\w+)"', message)
    return line_of(statement, quoted[1]) if quoted else statement.line
