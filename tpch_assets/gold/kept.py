"""What DuckDB said of a business's statements, kept in a file beside them: then loading definitions need not ask it.

A finding is kept under a digest of all that it is made from: texts, tables, the release of DuckDB, and the source of
the modules that make it. Where any of it differs, as in a statement that somebody edits, it is made anew; what is wrong
with a statement is never kept. `tpch-assets check --ship-forms` writes the file.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

SHIPPED = "bindings.json"
MAKERS = (
    *("gold/binding.py", "gold/exact.py", "gold/identity.py", "gold/impure.py", "gold/kept.py", "gold/lineage.py"),
    *("gold/mistakes.py", "gold/sql_file.py", "gold/syntax.py", "models/declared.py"),
    *("compute/catalog.py", "schema/types.py"),
)
"""The modules whose code makes findings. A test sees that no other one does."""
FoundT = TypeVar("FoundT")
_used: dict[Path, dict[str, Any]] = {}


def found(folder: Path, inputs: object, make: Callable[[], FoundT], read: Callable[[Any], FoundT]) -> FoundT:
    """A finding: as it was kept, or else made now.

    Args:
        folder: Of the business's queries, where its file is.
        inputs: Everything that the finding is made from, as what JSON can hold.
        make: Makes it. What it raises is not kept.
        read: Makes it of what JSON gives back.
    """
    digest, used = _digest(inputs), _used.setdefault(folder, {})
    if digest not in used:
        kept = _kept(folder)
        used[digest] = read(kept[digest]) if digest in kept else make()
    found: FoundT = used[digest]
    return found


def ship(folder: Path) -> int:
    """Write all findings of a business that this process has used, and return how many there are."""
    used = _used.get(folder, {})
    findings = {digest: used[digest] for digest in sorted(used)}  # What is within keeps its order.
    text = json.dumps({"makers": _makers(), "findings": findings}, default=asdict, indent=1)
    write(folder / SHIPPED, f"{text}\n")
    _kept.cache_clear()
    return len(used)


def write(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody reads half of it and of two writers one wins."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)


@cache
def _kept(folder: Path) -> dict[str, object]:
    """The findings that came with the business; none if they are of other code, or the file is damaged."""
    try:
        shipped = json.loads((folder / SHIPPED).read_text(encoding="utf-8"))
        return dict(shipped["findings"]) if shipped["makers"] == _makers() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@cache
def _makers() -> str:
    """Names the code that makes findings."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256(duckdb.__version__.encode())
    for name in MAKERS:
        digest.update((package / name).read_bytes())
    return digest.hexdigest()[:32]


def _digest(inputs: object) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]
