"""Placeholder: names of bronze files."""

import hashlib

from tpch_assets.raw.files import RawFile
from tpch_assets.schema import Column


def fingerprint(file: RawFile, columns: tuple[Column, ...]) -> str:
    spelled = repr([(c.name, c.parsed.sql, c.nullable) for c in columns])
    return hashlib.sha256("\n".join([file.name, str(file.size), file.stamp, spelled]).encode()).hexdigest()[:16]


def former(file: RawFile, columns: tuple[Column, ...]) -> str:
    spelled = [
        f"Column(name={c.name!r}, type={c.type!r}, description={c.description!r}, nullable={c.nullable!r})"
        for c in columns
    ]
    text = f"({', '.join(spelled)}{',' if len(spelled) == 1 else ''})"
    return hashlib.sha256("\n".join([file.name, str(file.size), file.stamp, text]).encode()).hexdigest()[:16]


def file_names(file: RawFile, columns: tuple[Column, ...]) -> tuple[str, str]:
    """The name of a raw file's bronze file, and the name that a former version gave it."""
    return f"{fingerprint(file, columns)}.parquet", f"{former(file, columns)}.parquet"
