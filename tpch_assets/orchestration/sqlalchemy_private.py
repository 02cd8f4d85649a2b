"""Every use of private parts of SQLAlchemy.

`tpch-assets replay --batches 96 --scale-factor 0.01` needs 27.9 s of CPU time (user and system; the smallest of three
alternating runs, median 29.2) with compiled statements shared, and 30.6 (33.0) without: 10 %.

Keep every assumption about SQLAlchemy here; `test_sqlalchemy_private.py` fails when SQLAlchemy changes them.
"""

from sqlalchemy import Connection, Engine
from sqlalchemy.event import listens_for


class OneDialect(dict[tuple[object, ...], object]):
    """A cache of compiled SQL by statement, shared between engines.

    SQLAlchemy's keys start with the engine's dialect object. All our engines have the same dialect, so we drop it.
    """

    def get(self, key: tuple[object, ...], default: object = None) -> object:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[object, ...], value: object) -> None:
        super().__setitem__(key[1:], value)


def share_compiled_sql() -> OneDialect:
    """Make this process's SQLite engines share compiled statements. Return the shared cache.

    Dagster creates an engine per event, and each would compile every statement again.
    """
    shared = OneDialect()

    @listens_for(Engine, "engine_connect")
    def use_shared(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.execution_options(compiled_cache=shared)

    return shared
