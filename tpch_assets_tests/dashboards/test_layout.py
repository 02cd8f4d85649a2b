"""Imports point one way, and only modules about TPC-H name its tables, columns and queries."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dashboards
from dashboards.store import business
from tpch_assets.settings import PROJECT
from tpch_assets_tests.tpch_tables import TABLES

FOLDER = Path(dashboards.__file__).parent
ABOUT_TPCH = {"tpch/views.py", "tpch/orders.py"}
MODULES = sorted(FOLDER.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    ("folder", "banned"),
    [
        ("store", ("panel", "bokeh", "dashboards.app", "dashboards.pages", "dashboards.charts")),
        ("charts", ("panel", "dashboards.app", "dashboards.pages", "dashboards.store")),
        ("pages", ("dashboards.app",)),
    ],
)
def test_imports_point_one_way(folder: str, banned: tuple[str, ...]) -> None:
    found = {name for path in (FOLDER / folder).glob("*.py") for name in imports(path)}
    assert [name for name in found if f"{name}.".startswith(tuple(f"{one}." for one in banned))] == []


def test_one_module_imports_the_business() -> None:
    banned = ("tpch_assets.tpch", "tpch_assets.gold")
    assert [path.name for path in MODULES if any(name.startswith(banned) for name in imports(path))] == ["business.py"]


def test_one_module_for_each_library_uses_its_private_api() -> None:
    private = []
    for path in MODULES:
        if path.name not in ("panel_private.py", "bokeh_private.py"):
            private += [(path.name, name) for name in imports(path) if "._" in name]
    assert private == []


def test_only_modules_about_tpch_name_its_tables_columns_and_queries() -> None:
    columns = {column.name for table in TABLES.values() for column in table.columns}
    names = {*TABLES, *columns, *business.queries()}
    named = set()
    for path in MODULES:
        constants = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        if constants & names:
            named.add(str(path.relative_to(FOLDER)))
    assert named == ABOUT_TPCH


def test_the_store_loads_neither_panel_nor_bokeh_nor_the_queries() -> None:
    code = (
        "import sys; import dashboards.store.store, dashboards.store.answers, dashboards.store.health; "
        "from dashboards.store import business; assert business.queries_of.cache_info().currsize == 0; "
        "sys.exit(bool({'panel', 'bokeh'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=60).returncode == 0
