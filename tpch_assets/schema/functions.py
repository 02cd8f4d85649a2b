"""A business question that is answered by a Python function instead of a SELECT statement, and what is known about it.

A function says by its arguments what it reads: tables by name, and `as_of` and `scale_factor` if it wants them. It
knows nothing about partitions, storage or schedules; running it belongs in `gold/functions.py`.
"""

import ast
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Literal

Kind = Literal["dask", "pandas", "arrow"]
"""As what a table reaches the function: `dd.DataFrame`, `pd.DataFrame` or `pa.Table`."""
GIVEN = ("as_of", "scale_factor")

_FIELD = re.compile(r"(chart|total|(?:unit|title)\s+[A-Za-z_]\w*):\s*(.*\S)")
_KINDS: dict[tuple[str, str], Kind] = {
    ("dd", "DataFrame"): "dask",
    ("dask", "DataFrame"): "dask",
    ("pd", "DataFrame"): "pandas",
    ("pandas", "DataFrame"): "pandas",
    ("pa", "Table"): "arrow",
    ("pyarrow", "Table"): "arrow",
}


@dataclass(frozen=True, eq=False)
class PythonAnswer:
    """A function that answers a question.

    Attributes:
        title: The docstring's first line.
        question: The docstring's second paragraph, in one sentence.
        inputs: Per table that it reads, as what it wants it.
        given: Those of `as_of` (date) and `scale_factor` (float) that it takes.
        columns: The answer's columns, as (name, SQL type).
        fields: How to show the answer, as in a query file's header: `chart`, `unit <column>` and the like.
    """

    function: Callable[..., object]
    title: str
    question: str
    source: str | None
    inputs: Mapping[str, Kind]
    given: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    fields: Mapping[str, str] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        """Workers import the function; its code does not travel."""
        return _imported, (self.function.__module__, self.name)

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def text(self) -> str:
        """The source code of the function's module, where its helpers stand too."""
        return inspect.getsource(_module(self.function))

    @cached_property
    def code(self) -> str:
        """A hash of the source code; comments, docstrings and layout do not count."""
        tree = ast.parse(self.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        return hashlib.sha256(repr([ast.dump(tree), self.columns]).encode()).hexdigest()[:16]


def answer(*, source: str | None = None, **columns: str) -> Callable[[Callable[..., object]], PythonAnswer]:
    """Make a function the answer to a question, on equal footing with a `.sql` file of the same name.

        @answer(brand="VARCHAR", customers="BIGINT")
        def loyal_customers(orders: dd.DataFrame, order_lines: dd.DataFrame) -> dd.DataFrame:
            \"\"\"Loyal customers.

            Of which brands do customers buy again?

            title customers: Loyal customers
            \"\"\"

    The function gets each table as of the day that it answers: facts up to its end, dimensions as they are. It returns
    a `dd.DataFrame`, `pd.DataFrame` or `pa.Table` with the columns named here. Lines `chart`, `unit`, `title` and
    `total` below the question say how to show the answer, as in the header of a query file.

    Args:
        source: Where the question comes from.
        columns: The answer's columns and their SQL types.

    Raises:
        TypeError: The function's arguments or docstring do not say enough; the message names the file and line.
    """

    def decorate(function: Callable[..., object]) -> PythonAnswer:
        if "." in function.__qualname__:
            raise TypeError(f"{_where(function)}: define it at the top of a module, where workers can import it")
        title, question = _prose(function)
        inputs, given = _arguments(function)
        if not columns:
            raise TypeError(f"{_where(function)}: name the answer's columns, such as @answer(customers='BIGINT')")
        named = tuple(columns.items())
        return PythonAnswer(function, title, question, source, inputs, given, named, _fields(function))

    return decorate


def _prose(function: Callable[..., object]) -> tuple[str, str]:
    paragraphs = [" ".join(part.split()) for part in (inspect.getdoc(function) or "").split("\n\n")]
    if len(paragraphs) < 2 or not all(paragraphs[:2]):
        raise TypeError(f"{_where(function)}: its docstring needs a title, an empty line and the question")
    return paragraphs[0].rstrip("."), paragraphs[1]


def _fields(function: Callable[..., object]) -> dict[str, str]:
    """The lines of the docstring that say how to show the answer."""
    found = (_FIELD.fullmatch(line) for line in (inspect.getdoc(function) or "").splitlines())
    return {" ".join(match[1].split()): match[2] for match in found if match}


def _arguments(function: Callable[..., object]) -> tuple[dict[str, Kind], tuple[str, ...]]:
    inputs: dict[str, Kind] = {}
    given = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in GIVEN:
            given.append(name)
            continue
        kind = _kind(parameter.annotation)
        if kind is None:
            raise TypeError(
                f"{_where(function)}: annotate the table {name} as dd.DataFrame, pd.DataFrame or pa.Table; other "
                f"arguments may be {' and '.join(GIVEN)}"
            )
        inputs[name] = kind
    return inputs, tuple(given)


def _kind(annotation: object) -> Kind | None:
    """Understands a class, or its name: a name does not import pandas or Dask with the business."""
    if isinstance(annotation, type):
        return _KINDS.get((annotation.__module__.split(".")[0], annotation.__name__))
    module, _, name = str(annotation).rpartition(".")
    return _KINDS.get((module.split(".")[0], name))


def _imported(module: str, name: str) -> object:
    return getattr(import_module(module), name)


def _module(function: Callable[..., object]) -> ModuleType:
    module = inspect.getmodule(function)
    if module is None:
        raise TypeError(f"{_where(function)}: define it in a module that workers can import")
    return module


def _where(function: Callable[..., object]) -> str:
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}, {function.__name__}"
