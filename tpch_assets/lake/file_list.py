"""The files of a table at one version: what is known of each, and a list that makes them when they are asked for.

Where they come from belongs in `snapshot.py` and `listing.py`.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import overload
from urllib.parse import unquote

import pyarrow as pa

Bound = bool | int | float | str | date | datetime | Decimal
"""A least or greatest value of a column."""

Value = Bound | None
"""What the log says of one; None if it says nothing."""


FACTS = ["size_bytes", "num_records", "modification_time"]
"""What the log says of each file besides its path and its statistics."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a table.

    Attributes:
        path: Below the table, as the file system or S3 knows it. The log encodes it like a URL.
        size: Bytes.
        least: Least values by column, where the log has them. Ask `bounds` for one that must be known.
        greatest: Greatest values, likewise.
        modified: When it became part of the table, in milliseconds since 1970.
    """

    path: str
    size: int
    rows: int
    least: dict[str, Value] = field(default_factory=dict, compare=False, hash=False)
    greatest: dict[str, Value] = field(default_factory=dict, compare=False, hash=False)
    modified: int = field(default=0, compare=False, hash=False)

    @property
    def partition(self) -> str:
        return partition_of(self.path)

    @property
    def name(self) -> str:
        return decoded(self.path.rsplit("/", 1)[-1])


def partition_of(path: str) -> str:
    """The partition that a file at a path below its table belongs to."""
    return decoded(path.split("/", 1)[0])


def decoded(text: str) -> str:
    """What an encoded name says; most are not, and a table may have a million."""
    return unquote(text) if "%" in text else text


class Columns:
    """What a log says of the files of a table, as columns.

    Args:
        table: `path` (as in the log), `size_bytes`, `num_records` and `modification_time` of each file.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @cached_property
    def _sorted(self) -> tuple[list[str], pa.Table]:
        paths = self._table["path"].to_pylist()
        if any("%" in path for path in paths):
            paths = list(map(unquote, paths))
            order = sorted(range(len(paths)), key=lambda place: (partition_of(paths[place]), paths[place]))
        else:
            order = sorted(range(len(paths)), key=paths.__getitem__)
        # pa.array would import pandas to ask whether this is a Series.
        places = pa.Array.from_buffers(pa.int64(), len(order), [None, pa.py_buffer(array("q", order))])
        return [paths[place] for place in order], self._table.select(FACTS).take(places)

    @property
    def paths(self) -> list[str]:
        """All paths in order; those of a partition are neighbours."""
        return self._sorted[0]

    @cached_property
    def partitions(self) -> list[str]:
        """The partition of each path."""
        return list(map(partition_of, self.paths))

    @cached_property
    def begins(self) -> dict[str, int]:
        """The place of each partition's first file."""
        return dict(zip(reversed(self.partitions), range(len(self.paths) - 1, -1, -1), strict=True))

    def places(self, partition: str) -> range:
        """The places of a partition's files."""
        end = begin = self.begins.get(partition, len(self.paths))
        while end < len(self.paths) and self.partitions[end] == partition:
            end += 1
        return range(begin, end)

    def files(self, partition: str) -> list[DataFile]:
        """The files of a partition."""
        return [self._file(place) for place in self.places(partition)]

    def rows(self) -> dict[str, int]:
        """Rows by partition."""
        found: dict[str, int] = {}
        rows_of_files = self._sorted[1]["num_records"].to_pylist()
        for partition, rows in zip(self.partitions, rows_of_files, strict=True):
            found[partition] = found.get(partition, 0) + rows
        return found

    def _file(self, place: int) -> DataFile:
        paths, facts = self._sorted
        size, rows, modified = (facts[name][place].as_py() for name in FACTS)
        return DataFile(paths[place], size, rows, modified=modified)

    def __iter__(self) -> Iterator[DataFile]:
        paths, facts = self._sorted
        for path, size, rows, modified in zip(paths, *(facts[name].to_pylist() for name in FACTS), strict=True):
            yield DataFile(path, size, rows, modified=modified)


class FileList(Sequence[DataFile]):
    """The files of a table without statistics, each made when it is asked for: of a long history few ever are.

    Args:
        changed: By partition and path all files of partitions that changed since the log was read.
    """

    def __init__(self, columns: Columns, changed: Mapping[str, Mapping[str, DataFile]] | None = None) -> None:
        self._columns = columns
        self._changed = dict(changed or {})

    @classmethod
    def of_none(cls) -> "FileList":
        """The list of a table that does not exist."""
        return cls(Columns(pa.schema([(name, pa.int64()) for name in ("path", *FACTS)]).empty_table()))

    def with_changes(self, added: Iterable[DataFile], removed: Iterable[str]) -> "FileList":
        """The list after a commit."""
        more, less = list(added), list(removed)
        partitions = {file.partition for file in more} | set(map(partition_of, less))
        changed = {partition: {file.path: file for file in self.of(partition)} for partition in partitions}
        for path in less:
            changed[partition_of(path)].pop(path, None)
        for file in more:
            changed[file.partition][file.path] = file
        return FileList(self._columns, self._changed | changed)

    def of(self, partition: str) -> list[DataFile]:
        """The files of a partition."""
        if partition in self._changed:
            return list(self._changed[partition].values())
        return self._columns.files(partition)

    def paths(self, partition: str) -> list[str]:
        """The paths of a partition's files."""
        if partition in self._changed:
            return list(self._changed[partition])
        places = self._columns.places(partition)
        return self._columns.paths[places.start : places.stop]

    def all_paths(self) -> Iterator[tuple[str, str]]:
        """The partition and the path of all files."""
        places = zip(self._columns.partitions, self._columns.paths, strict=True)
        yield from places if not self._changed else (place for place in places if place[0] not in self._changed)
        yield from ((partition, path) for partition, files in self._changed.items() for path in files)

    def partitions(self) -> Iterator[str]:
        """The partitions that have a file."""
        yield from (partition for partition in self._columns.begins if partition not in self._changed)
        yield from (partition for partition, files in self._changed.items() if files)

    @cached_property
    def first(self) -> str:
        """The least partition that has a file; empty if there is none."""
        return min(self.partitions(), default="")

    @cached_property
    def by_partition(self) -> dict[str, list[DataFile]]:
        """The files of each partition that has one."""
        found: dict[str, list[DataFile]] = {}
        for file in self:
            found.setdefault(file.partition, []).append(file)
        return found

    def rows(self) -> dict[str, int]:
        """Rows by partition, of those that have a file."""
        before = {key: rows for key, rows in self._columns.rows().items() if key not in self._changed}
        changed = ((partition, files.values()) for partition, files in self._changed.items() if files)
        return before | {partition: sum(file.rows for file in files) for partition, files in changed}

    def __len__(self) -> int:
        gone = sum(len(self._columns.places(partition)) for partition in self._changed)
        return len(self._columns.paths) - gone + sum(map(len, self._changed.values()))

    def __iter__(self) -> Iterator[DataFile]:
        return iter(self._all)

    @overload
    def __getitem__(self, place: int) -> DataFile: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[DataFile]: ...
    def __getitem__(self, place: int | slice) -> DataFile | Sequence[DataFile]:
        return self._all[place]

    def __reduce__(self) -> tuple[type[tuple[DataFile, ...]], tuple[list[DataFile]]]:
        return tuple, (list(self),)

    @cached_property
    def _all(self) -> tuple[DataFile, ...]:
        kept = (file for file in self._columns if not self._changed or file.partition not in self._changed)
        return (*kept, *(file for files in self._changed.values() for file in files.values()))
