"""SQL over the batches of lines: the lines as structs, and their unknown fields as text. No columns of tables here."""

import json

from tpch_assets.bronze.json_lines.evident import Evident
from tpch_assets.bronze.json_lines.sql import literal, quoted
from tpch_assets.bronze.json_lines.values import encode

LINES = "json_lines"  # what the batches are called in SQL


def transformed(shape: dict[str, object], spelled: bool) -> str:
    """SQL for the lines as `it`, a struct of this shape, and what the feed knows of them.

    With `spelled`, DuckDB takes all numbers as they are spelled: it does so only if a DECIMAL is among the fields.
    """
    shape = shape | ({unused([*shape]): "DECIMAL(1,0)"} if spelled else {})
    return f"SELECT json_transform(line, {literal(json.dumps(shape))}) AS it, counted, judged, rescued FROM {LINES}"


def rescued(usual: Evident | None) -> str:
    """SQL for the unknown fields. Where DuckDB says NULL, a demanded field is null, another is missing."""
    if not usual or not usual.unknown:
        return "rescued"
    first, *others = (_rescued_field(name, name in usual.demanded) for name in usual.unknown)
    others = [f"',' || {field}" for field in others]
    text = f"concat('{{', {', '.join([first, *others])}, '}}')"  # it leaves NULL out
    if usual.unknown[0] not in usual.demanded:
        commas = ", ".join([f"',' || {first}", *others])
        text = f"concat('{{', substr(concat({commas}), 2), '}}')"
    missing = f"coalesce({', '.join(f'it.{quoted(name)}' for name in usual.unknown)}) IS NULL"
    none = "" if usual.demanded else f"WHEN {missing} THEN NULL "
    return f"CASE WHEN judged THEN rescued {none}ELSE {text} END"


def _rescued_field(name: str, demanded: bool) -> str:
    """The field and its value, or NULL."""
    key, value = literal(f"{encode(name)}:"), f"CAST(it.{quoted(name)} AS VARCHAR)"
    return f"{key} || coalesce({value}, 'null')" if demanded else f"{key} || {value}"


def unused(names: list[str]) -> str:
    """A name that is none of these, as DuckDB compares them."""
    name = "_"
    while name.lower() in (other.lower() for other in names):
        name += "_"
    return name
