"""Every use of private parts of Alembic.

Dagster asks for the newest of its migrations whenever it opens its storage, as for each tick, and to stamp the database
of each run. Alembic reads all of them to tell.

Keep every assumption about Alembic here; `test_alembic_private.py` fails when Alembic or Dagster change them.
"""

from alembic.config import Config
from alembic.script import ScriptDirectory

_read = ScriptDirectory.from_config
_known: dict[str, ScriptDirectory] = {}


def read_migrations_once() -> None:
    """Make this process read a folder of migrations once. They do not change while a process runs."""
    ScriptDirectory.from_config = _from_config  # type: ignore[method-assign]


def _from_config(config: Config) -> ScriptDirectory:
    place = config.get_main_option("script_location") or ""
    if place not in _known:
        _known[place] = _read(config)
    return _known[place]
