"""What we use of SQLAlchemy's private parts is still there, and still does what we use it for."""

import subprocess
import sys
from pathlib import Path

# A process of its own, since the cache is used by all engines of a process from then on.
CODE = """
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteDialect, SQLiteCompiler
from tpch_assets.orchestration.sqlalchemy_private import share_compiled_sql

compiled = []

class Counting(SQLiteCompiler):
    def __init__(self, dialect, statement, *arguments, **options):
        compiled.append(statement)
        super().__init__(dialect, statement, *arguments, **options)

SQLiteDialect.statement_compiler = Counting
table = sa.Table("things", sa.MetaData(), sa.Column("key", sa.Integer))

def run(engines):
    before = len(compiled)
    for _ in range(engines):
        engine = sa.create_engine("sqlite://")
        with engine.begin() as connection:
            table.metadata.create_all(connection)
            connection.execute(table.insert(), [{"key": 1}, {"key": 2}])
            select = sa.select(table).where(table.c.key == len(compiled))
            connection.execute(select).fetchall()
            assert connection.execute(sa.select(table).where(table.c.key == 2)).fetchall() == [(2,)]
        engine.dispose()
    return len(compiled) - before

each = run(1)
assert run(3) == 3 * each, "engines share compiled statements by themselves now: share_compiled_sql is not needed"
share_compiled_sql()
first = run(1)
assert run(3) == 0, "engines do not share compiled statements"
print(each, first)
"""


def test_engines_share_compiled_statements(tmp_path: Path) -> None:
    found = subprocess.run([sys.executable, "-W", "error", "-c", CODE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
