"""Answers by a Python function: what a function says about itself, how it runs, and what makes it stale."""

import re
import sys
import textwrap
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pytest

from tpch_assets.compute import cluster
from tpch_assets.gold import functions
from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.presentation import Chart
from tpch_assets.gold.queries import broken_queries, load_queries
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.schema.functions import PythonAnswer, answer
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days

DAY = date.fromisoformat(days.day(0))


@answer(segment="VARCHAR", customers="BIGINT")
def by_pandas(customer: pd.DataFrame) -> pd.DataFrame:
    """Customers by segment.

    How many customers does each
    segment have?

    More about it.

    chart: bars segment customers
    unit customers: people
    title  customers: All of them
    total: none
    """
    found = customer.groupby("c_mktsegment").size().reset_index()
    return found.set_axis(["segment", "customers"], axis=1)


@answer(segment="TEXT", customers="BIGINT")
def by_arrow(customer: "pa.Table", as_of: date, scale_factor: float) -> "pa.Table":
    """Customers by segment.

    How many are there, as Arrow?
    """
    assert (as_of, scale_factor) == (DAY, 0.01)
    counted = customer.group_by("c_mktsegment").aggregate([([], "count_all")])
    return counted.rename_columns(["segment", "customers"]).sort_by("segment")


@answer(segment="VARCHAR", customers="BIGINT")
def by_dask(customer: dd.DataFrame, region: "pa.Table") -> pa.Table:
    """Customers by segment.

    How many are there, of a frame and a table?
    """
    assert region.num_rows == 5
    found = customer.groupby("c_mktsegment").size().compute().sort_index()
    return pa.table({"segment": found.index.to_list(), "customers": found.to_list()})


@answer(segment="VARCHAR")
def other_columns(region: "pa.Table") -> "pa.Table":
    """Other columns.

    What if a function returns something else?
    """
    return region


@answer(key="BIGINT")
def other_types(region: "pa.Table") -> "pa.Table":
    """Other types.

    What if a value does not fit?
    """
    return region.select(["r_name"]).rename_columns(["key"])


def run(function: PythonAnswer) -> pa.Table:
    """The answer as of the first day of the common lake."""
    lake = days.whole_day().lake
    silver = {name: snapshot(lake, lake.table("silver", name)) for name in function.inputs}
    made, _ = functions.plan(function, BUSINESS, silver, DAY, 0.01)
    (found,) = cluster.compute([made])
    return found


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("function", [by_pandas, by_arrow, by_dask], ids=lambda function: function.name)
def test_tables_come_as_the_function_wants_them(function: PythonAnswer) -> None:
    found = run(function)
    with days.tpch() as con:
        plain = con.sql("SELECT c_mktsegment AS segment, count(*) AS customers FROM customer GROUP BY 1 ORDER BY 1")
        assert found.drop_columns(["as_of"]).equals(plain.to_arrow_table())
    assert set(found["as_of"].to_pylist()) == {DAY}


@pytest.mark.usefixtures("environment")
def test_other_columns_or_values_are_an_error_of_one_sentence() -> None:
    with pytest.raises(
        ValueError, match=r"^other_columns returned the columns r_regionkey, .*; its @answer declares segment$"
    ):
        run(other_columns)
    with pytest.raises(Exception, match="Could not convert string 'AFRICA' to INT64"):
        run(other_types)


def test_a_function_says_what_it_is() -> None:
    assert (by_pandas.title, by_pandas.question) == (
        "Customers by segment",
        "How many customers does each segment have?",
    )
    assert (by_dask.inputs, by_dask.given) == ({"customer": "dask", "region": "arrow"}, ())
    assert by_arrow.given == ("as_of", "scale_factor")
    queries = load_queries(replace(BUSINESS, answers=(by_arrow, by_pandas)))
    query, shown = queries["by_arrow"], queries["by_pandas"]
    assert (shown.units, shown.titles, shown.total) == (
        {"customers": "people"},
        {"customers": "All of them"},
        "none",
    )
    assert shown.chart == Chart("bars", "segment", ("customers",))
    assert (query.chart, query.units, query.titles, query.total) == (None, {}, {}, "")
    assert (query.tables, query.columns) == (("customer",), (("segment", "VARCHAR"), ("customers", "BIGINT")))


def loaded(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of its own with this text."""
    head = "import pyarrow as pa\nfrom tpch_assets.schema.functions import answer\n"
    path = folder / "answers_of_a_test.py"
    path.write_text(head + textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, path.stem, raising=False)
    return __import__(path.stem)


SOUND = '''
def helper():
    return 1

@answer(regions="BIGINT")
def count_regions(region: pa.Table) -> pa.Table:
    """Regions.

    How many are there?
    """
    return pa.table({"regions": [region.num_rows * helper()]})
'''


@pytest.mark.parametrize(
    ("edit", "stale"),
    [
        (("return 1", "return 2"), True),
        (("region.num_rows *", "1 + region.num_rows *"), True),
        (('regions="BIGINT"', 'regions="INTEGER"'), True),
        (("return 1", "return  1  # the number of regions in a region"), False),
        (("How many are there?", "What is their number?"), False),
    ],
    ids=["helper", "body", "columns", "comment", "docstring"],
)
def test_its_code_is_part_of_an_answers_identity(
    edit: tuple[str, str], stale: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []
    for number, text in enumerate((SOUND, SOUND.replace(*edit))):
        (tmp_path / str(number)).mkdir()
        module = loaded(text, tmp_path / str(number), monkeypatch)
        business = replace(BUSINESS, answers=(module.count_regions,))
        digests.append(code_digest(load_queries(business)["count_regions"], business, 1.0))
    assert (digests[0] != digests[1]) is stale


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (
            ("pa.Table) ->", "int) ->"),
            r"answers_of_a_test.py:\d+, count_regions: annotate the table region",
        ),
        (("Regions.\n", ""), "its docstring needs a title, an empty line and the question"),
        (('regions="BIGINT"', ""), "name the answer's columns"),
    ],
    ids=["annotation", "docstring", "columns"],
)
def test_what_it_does_not_say_is_an_error_when_it_is_imported(
    edit: tuple[str, str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TypeError, match=error):
        loaded(SOUND.replace(*edit), tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (("region: pa", "regoin: pa"), r"count_regions: unknown table regoin: did you mean region\?"),
        (('"BIGINT"', '"BIGINTT"'), "BIGINTT"),
        (
            ("are there?", "are there?\n\n    unit rooms: m2"),
            "count_regions: unit names rooms; the answer's columns are",
        ),
        (("count_regions", "q01_pricing_summary"), "there is a query file of this name too"),
    ],
    ids=["table", "type", "unit", "name"],
)
def test_a_broken_one_takes_no_other_down(
    edit: tuple[str, str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = loaded(SOUND.replace(*edit), tmp_path, monkeypatch)
    made = next(value for value in vars(module).values() if isinstance(value, PythonAnswer))
    business = replace(BUSINESS, answers=(made,))
    (broken,) = broken_queries(business).values()
    assert broken.name == made.name
    assert re.search(error, broken.error)
    assert len(load_queries(business)) >= 20
