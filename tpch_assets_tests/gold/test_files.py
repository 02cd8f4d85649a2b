"""Query files: what they may say, and that a mistake is told at load, with its line and the nearest name."""

from pathlib import Path

import pytest

from tpch_assets.gold.presentation import Chart
from tpch_assets.gold.queries import Query, broken_queries, load_queries, load_query
from tpch_assets.tpch import BUSINESS

HEAD = "-- Title\n-- What is asked?\n"
PLAIN = "SELECT count(*) AS n FROM orders\n"
PARTIAL = "-- partial\nSELECT count(*) AS n FROM orders\n"
COMBINE = "-- combine\nSELECT sum(n)::BIGINT AS n FROM partials\n"


def load(folder: Path, text: str) -> Query:
    (folder / "small.sql").write_text(text)
    return load_query(BUSINESS, folder / "small.sql")


def refusal(folder: Path, text: str) -> str:
    """What is said of a file, from its line on."""
    with pytest.raises(ValueError, match=r"small\.sql:") as error:
        load(folder, text)
    message = str(error.value)
    assert "\n" not in message
    return message.partition("small.sql:")[2]


def test_a_plain_statement_is_a_query(tmp_path: Path) -> None:
    query = load(tmp_path, HEAD + PLAIN + ";\n")
    assert (query.name, query.title, query.question) == ("small", "Title", "What is asked?")
    assert query.statements == {"statement": "SELECT count(*) AS n FROM orders"}
    assert (query.tables, query.columns) == (("orders",), (("n", "BIGINT"),))
    assert [group.names for group in query.groups] == [("orders", "lineitem")]


def test_partial_and_combine_may_stand_alone(tmp_path: Path) -> None:
    query = load(tmp_path, HEAD + PARTIAL + COMBINE + ";\n")
    assert (query.plain, query.combine) == (None, "SELECT sum(n)::BIGINT AS n FROM partials")
    assert query.tables == ("orders",)


def test_partial_and_combine_may_stand_below_the_plain_statement(tmp_path: Path) -> None:
    query = load(tmp_path, HEAD + PLAIN + PARTIAL + COMBINE)
    assert list(query.statements) == ["statement", "partial", "combine"]


def test_a_header_says_how_to_show_the_answer(tmp_path: Path) -> None:
    fields = "-- chart: bars name n\n-- unit n: orders\n-- title n: Number\n-- total: none\n-- live: o_ordertime\n"
    query = load(tmp_path, HEAD + fields + "SELECT 'a' AS name, count(*) AS n FROM orders")
    assert query.chart == Chart("bars", "name", ("n",))
    assert (query.units, query.titles, query.total) == ({"n": "orders"}, {"n": "Number"}, "none")
    assert query.live == "o_ordertime"


def test_comments_below_a_blank_line_belong_to_the_statement(tmp_path: Path) -> None:
    query = load(tmp_path, HEAD + "\n-- param top: 1\n\n-- Why so: $other\n" + PLAIN + "LIMIT $top; -- the end;")
    assert query.question == "What is asked?"
    assert query.param_expressions == {"top": "1"}
    assert (query.plain or "").startswith("-- Why so")
    assert (query.plain or "").endswith("LIMIT $top")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN, "1: starts with two comment lines or more: the title"),
        ("-- Title\n" + PARTIAL + COMBINE, "1: starts with"),
        (HEAD, " has no statement"),
        (HEAD + "-- only a comment\n\n-- and another\n", " has no statement"),
        (HEAD + PARTIAL, " has a section partial but no `-- combine`"),
        (HEAD + COMBINE + PARTIAL, " has combine, partial; allowed is one plain SELECT"),
        (HEAD + PARTIAL + COMBINE + COMBINE, "7: has a second section combine"),
        (HEAD + "-- partial\n\n" + COMBINE, "5: the section partial is empty"),
        (HEAD + "-- source: TPC-H\n-- parm top: 1\n" + PLAIN, "4: has an unknown header line `-- parm top: 1`"),
        (HEAD + "-- param top: 1\n-- param top: 2\n" + PLAIN, "4: declares top twice"),
        (HEAD + "-- param as_of: 1\n" + PLAIN, "3: declares as_of twice, or one that is always given"),
        (HEAD + "-- param top: 1\n" + PLAIN, "3: declares parameters it does not use: top"),
        (HEAD + "-- param top: $other\n" + PLAIN + "LIMIT $top", "3: param top may use only scale_factor, as_of"),
        (HEAD + "-- param top: nothing\n" + PLAIN + "LIMIT $top", '3: param top: Referenced column "nothing" was not'),
        (HEAD + "-- param top: 1, 2\n" + PLAIN + "LIMIT $top", "3: param top: it is not one value"),
        (HEAD + PLAIN + "\nLIMIT $top", "5: uses undeclared parameters: top"),
        (HEAD + PLAIN + ", missing", "4: statement reads unknown table missing; known are"),
        (HEAD + "SELECT 1 AS a\nFROM lineitm", "4: statement reads unknown table lineitm: did you mean lineitem?"),
        (HEAD + "SELECT 1 AS one", "3: reads no table; there are region"),
        (HEAD + PLAIN + "; SELECT 1", "3: not one valid SELECT statement: there are several"),
        (HEAD + "SELECT 1\nFRM orders\n", '4: not one valid SELECT statement: syntax error at or near "orders"'),
        (HEAD + "-- partial\nSELEC 1\n" + COMBINE, "4: partial: not one valid SELECT statement"),
        (HEAD + PARTIAL + "-- combine\nSELECT n,\n  m\nFROM partials", '7: combine: Referenced column "m" not found'),
        (HEAD + PARTIAL + COMBINE + ", orders", "6: combine reads orders, which only partial may"),
        (HEAD + PARTIAL + ", partials\n" + COMBINE, "5: partial reads unknown table partials"),
        (HEAD + PARTIAL + "-- combine\nSELECT 1 AS a FROM nation", "6: combine reads partials if, and only if"),
        (HEAD + "-- combine\nSELECT 1 AS a FROM partials", "4: combine reads partials if, and only if"),
        (
            HEAD + "-- combine\nSELECT 1 AS a FROM orders",
            "4: combine reads orders, which only partial may: write it as",
        ),
        (HEAD + PARTIAL.replace("orders", "nation") + COMBINE, "4: partial reads none of lineitem, orders"),
        (HEAD + PLAIN + PARTIAL + COMBINE.replace("::BIGINT", ""), "7: combine gives the columns n HUGEINT, but the"),
        (HEAD + "-- live: l_comment\n" + PLAIN, "3: live names l_comment; allowed are"),
        (HEAD + "-- chart: bars n\n" + PLAIN, "3: chart is 'bars n'; write a kind and two columns"),
        (HEAD + "-- chart: pie n n\n" + PLAIN, "3: chart is pie; allowed are"),
        (HEAD + "-- unit m: USD\n" + PLAIN, "3: unit names m; the answer's columns are n"),
        (HEAD + "SELECT\n  o_totalpric\nFROM orders", 'Did you mean "o_totalprice"?'),
        (HEAD + "SELECT\n  o_totalpric\nFROM orders", "4: Referenced column"),
        (HEAD + "SELECT *\nFROM orders JOIN lineitem ON true\nJOIN nation o USING (o_orderkey)", "5: Column"),
        (HEAD + "SELECT 1 AS a, 2 AS A", "3: the answer has two columns A"),
        (HEAD + "SELECT 1 AS a,\n o_comment + 1 AS b\nFROM orders", "4: No function matches"),
        (HEAD + "-- source: \xfcmlaut\nSELECT '\xe4\xf6\xfc' AS a,\n o_x\nFROM orders", '5: Referenced column "o_x"'),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("random()", "random"),
        ("Now()", "now"),
        ("current_date", "current_date"),
        ("CURRENT_TIMESTAMP", "current_timestamp"),
        ("today()", "today"),
        ("uuid()", "uuid"),
        ("age(o_ordertime::TIMESTAMP)::VARCHAR", "age"),
        ("ago(INTERVAL 1 DAY)", "ago"),
        ("nextval('x')", "nextval"),
    ],
)
def test_what_gives_another_value_each_time_is_refused(tmp_path: Path, expression: str, name: str) -> None:
    text = f"{HEAD}SELECT 1 AS one,\n {expression} AS x\nFROM orders"
    if name == "nextval":  # There is no sequence, which is told first.
        assert "x does not exist" in refusal(tmp_path, text)
        return
    message = refusal(tmp_path, text)
    assert message.startswith(f"4: calls {name}, which")
    assert "$as_of" in message


def test_a_parameter_that_gives_another_value_each_time_is_refused(tmp_path: Path) -> None:
    text = HEAD + "-- param top: (random() * 9)::INTEGER\n" + PLAIN + "LIMIT $top"
    assert "3: calls random" in refusal(tmp_path, text)


def test_a_sample_and_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n")
    assert "takes a sample" in refusal(tmp_path, HEAD + PLAIN + "USING SAMPLE 3")
    assert "reads read_csv(), which is no table" in refusal(tmp_path, f"{HEAD}FROM read_csv('{tmp_path}/a.csv')")


def test_a_column_with_a_clocks_name_and_series_are_allowed(tmp_path: Path) -> None:
    query = load(
        tmp_path, HEAD + "SELECT x, age($as_of, DATE '2000-01-01')::VARCHAR AS a FROM nation, range(3) AS t (x)"
    )
    assert query.columns == (("x", "BIGINT"), ("a", "VARCHAR"))


def test_a_broken_file_takes_no_other_down(tmp_path: Path) -> None:
    (tmp_path / "sound.sql").write_text(HEAD + PLAIN)
    (tmp_path / "broken.sql").write_text(HEAD + "SELECT o_x FROM orders")
    (tmp_path / "2 odd-name.sql").write_text(HEAD + PLAIN)
    (tmp_path / "latin.sql").write_bytes(b"-- Title\n-- \xe4?\nSELECT 1")
    assert list(load_queries(BUSINESS, tmp_path)) == ["sound"]
    errors = {name: query.error for name, query in broken_queries(BUSINESS, tmp_path).items()}
    assert sorted(errors) == ["_2_odd_name", "broken", "latin"]
    assert errors["broken"].startswith(f"{tmp_path}/broken.sql:3: Referenced column")
    assert errors["_2_odd_name"].startswith(f"{tmp_path}/2 odd-name.sql: a query's file name")
    assert errors["latin"] == f"{tmp_path}/latin.sql: is not UTF-8 (byte 12)"
