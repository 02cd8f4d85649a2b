"""The names of bronze's files: each names the content of one raw file as parsed by one schema.

Bronze compares these names to find what is not ingested yet. Parsing does not belong here.
"""

import hashlib
import json
from collections.abc import Sequence

from tpch_assets.raw.files import RawFile
from tpch_assets.schema import Column


def fingerprint(file: RawFile, columns: Sequence[Column]) -> str:
    """Names a file's content as parsed by these columns. A redelivery or another schema makes another name.

    Descriptions and the spelling of types do not count: to reword one parses nothing again.
    """
    schema = [[column.name, column.parsed.sql, column.nullable] for column in columns]
    return _digest(json.dumps([file.name, file.size, file.stamp, schema]))


def former(file: RawFile, columns: Sequence[Column]) -> str:
    """The name that the previous version gave the same content: lakes written then are not built again.

    That version hashed Python's notation of the columns, descriptions and all. It is spelled out here, so that it stays
    whatever a column is today.
    """
    spelled = [
        f"Column(name={c.name!r}, type={c.type!r}, description={c.description!r}, nullable={c.nullable!r})"
        for c in columns
    ]
    one = "," if len(spelled) == 1 else ""
    return _digest("\n".join([file.name, str(file.size), file.stamp, f"({', '.join(spelled)}{one})"]))


def file_names(file: RawFile, columns: Sequence[Column]) -> tuple[str, str]:
    """The name of a raw file's bronze file now, and the one that the previous version gave it."""
    return f"{fingerprint(file, columns)}.parquet", f"{former(file, columns)}.parquet"


def digest(lines: Sequence[str]) -> str:
    """Names some lines of text."""
    return _digest("\n".join(lines))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
