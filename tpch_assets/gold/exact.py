"""Which types columns of queries may have: those that files hold exactly. Told at load, not when a query runs."""

import re
from collections.abc import Iterable

_NOT_IN_PARTIALS = {"HUGEINT", "UHUGEINT", "BIGNUM", "INTERVAL", "BIT"}  # Parquet rounds them, or makes texts of them.
_NOT_IN_ANSWERS = {  # Delta Lake does not know them.
    *("INTERVAL", "BIT", "BIGNUM", "UHUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("TIME", "TIME_NS", "TIMESTAMP_NS", "UNION"),
}
_QUOTED, _NAME = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"), re.compile(r"\w+(?: WITH TIME ZONE)?")


def check_partial(columns: Iterable[tuple[str, str]]) -> None:
    """Refuse a partial whose columns, given as (name, SQL type), come back from a file as something else.

    Raises:
        ValueError: The message names the column and its type.
    """
    _check("partial", columns, _NOT_IN_PARTIALS)


def check_answer(columns: Iterable[tuple[str, str]]) -> None:
    """Refuse an answer that cannot be a Delta table, or has a column `as_of` of its own.

    Raises:
        ValueError: The message names the column and its type.
    """
    columns = list(columns)
    if "as_of" in (name.lower() for name, _ in columns):
        raise ValueError("the answer has a column as_of, which each answer gets by itself: rename it")
    _check("the answer", columns, _NOT_IN_ANSWERS)


def _check(section: str, columns: Iterable[tuple[str, str]], refused: set[str]) -> None:
    names: set[str] = set()
    for name, type_ in columns:
        if name.lower() in names:
            raise ValueError(f"{section} has two columns {name}: give one another name with AS")
        names.add(name.lower())
        for found in _NAME.findall(_QUOTED.sub("", type_)):
            if found.removesuffix(" WITH TIME ZONE") in refused:
                raise ValueError(
                    f"{section} has a column {name} of type {found}, which no file holds exactly: CAST it, such as to "
                    "BIGINT, DECIMAL(38,0), DOUBLE or TIMESTAMP"
                )
