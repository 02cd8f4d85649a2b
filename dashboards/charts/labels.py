"""Names of columns as people read them.

Which prefixes a business uses does not belong here: callers hand them in.
"""

from collections.abc import Collection


def label(column: str, prefixes: Collection[str] = ()) -> str:
    """A column's name as a heading: `sum_disc_price` becomes "Sum disc price".

    Args:
        prefixes: Beginnings of names to leave out, such as `ps_`.
    """
    prefix = max((prefix for prefix in prefixes if column.startswith(prefix)), key=len, default="")
    words = column.removeprefix(prefix).replace("_", " ").strip()
    return words[:1].upper() + words[1:]
