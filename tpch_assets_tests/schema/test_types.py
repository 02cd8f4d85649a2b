"""Every usual spelling of a type is understood, as DuckDB understands it; anything else is one clear error."""

import duckdb
import pytest

from tpch_assets.schema.types import Decimal, List, Scalar, Struct, UnknownType, parse
from tpch_assets_tests.tpch_tables import TABLES

# fmt: off
SPELLINGS = [
    "TINYINT", "INT1", "SMALLINT", "INT2", "SHORT", "INT16", "INTEGER", "INT", "INT4",
    "INT32", "SIGNED", "BIGINT", "INT8", "INT64", "LONG", "BOOLEAN", "BOOL", "LOGICAL",
    "FLOAT", "FLOAT4", "REAL", "DOUBLE", "FLOAT8", "DATE", "TIMESTAMP", "DATETIME", "TIMESTAMP_US",
    "TIMESTAMPTZ", "VARCHAR", "TEXT", "STRING", "CHAR", "NCHAR", "BPCHAR", "NVARCHAR", "CHARACTER",
    "UUID", "GUID", "JSON", "DECIMAL", "NUMERIC", "DEC",
]
# fmt: on
SPELLINGS += ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE", "DOUBLE PRECISION", "CHARACTER VARYING"]
SPELLINGS += ["VARCHAR(10)", "character varying ( 7 )", "CHAR(1)", "DECIMAL(15,2)", "numeric( 9 , 0 )", "DEC(5)"]
SPELLINGS += ["timestamp\twith\n time  zone", " bigint ", "Decimal(38,38)", "DECIMAL(1)"]
SPELLINGS += ["INT[]", "text [ ] [ ]", "NUMERIC(3,1)[]", "struct(a int)[]", "ROW(a INT, b ROW(c TEXT))"]
SPELLINGS += ['STRUCT("a b" INT, "Case" TEXT, "se""lect" INT[], _x2 timestamptz, "é" DECIMAL)', 'STRUCT("date" DATE)']


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling_means_what_duckdb_takes_it_for(spelling):
    with duckdb.connect() as con:
        theirs = con.execute(f"SELECT typeof(NULL::{spelling}), typeof(NULL::{parse(spelling).sql})").fetchall()[0]
    assert theirs[0] == theirs[1]
    assert parse(theirs[0]) == parse(spelling)
    assert parse(parse(spelling).sql) == parse(spelling)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_types_of_the_tables_are_canonical(table):
    for column in table.columns:
        assert parse(column.type).sql == parse(column.type).stored == column.type


def test_parts_of_a_nested_type():
    type_ = parse('struct(at TIMESTAMPTZ, "the ""id""" guid[], any json, amount numeric(9,2))[][]')
    assert type_ == List(
        List(
            Struct(
                (
                    ("at", Scalar("TIMESTAMP WITH TIME ZONE")),
                    ('the "id"', List(Scalar("UUID"))),
                    ("any", Scalar("JSON")),
                    ("amount", Decimal(9, 2)),
                )
            )
        )
    )
    assert type_.sql == (
        'STRUCT("at" TIMESTAMP WITH TIME ZONE, "the ""id""" UUID[], "any" JSON, "amount" DECIMAL(9,2))[][]'
    )
    assert type_.stored == (
        'STRUCT("at" TIMESTAMP WITH TIME ZONE, "the ""id""" VARCHAR[], "any" VARCHAR, "amount" DECIMAL(9,2))[][]'
    )


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("VARCAHR", "'VARCAHR' is not a known type; the nearest known name is VARCHAR"),
        ("varcahr", "'varcahr' is not a known type; the nearest known name is VARCHAR"),
        ("HUGEINT", "'HUGEINT' is not a known type; the nearest known name is "),
        ("INTERVAL", "'INTERVAL' is not a known type; the nearest known name is INTEGER"),
        ("MAP(VARCHAR, INT)", "'MAP' in 'MAP(VARCHAR, INT)' is not a known type; the nearest known name is "),
        ("TIMESTAMP WITH ZONE", "the nearest known name is TIMESTAMP WITH TIME ZONE"),
        ("STRUCT(a INT, b INTEGRE)", "'INTEGRE' in 'STRUCT(a INT, b INTEGRE)' is not a known type; the nearest known"),
        ("DECIMAL(39,2)", "'DECIMAL(39,2)' has a precision outside of 1 to 38; the most is DECIMAL(38,2)"),
        ("DECIMAL(0,0)", "has a precision outside of 1 to 38"),
        ("DECIMAL(99999999999999999999)", "has a precision outside of 1 to 38"),
        ("DECIMAL(3,5)", "'DECIMAL(3,5)' has a scale above its precision; the most is 3"),
        ("DECIMAL(3,2,1)", "has ',' where a closing parenthesis should be"),
        ("DECIMAL(a)", "has 'a' where a number should be"),
        ("DECIMAL(", "where a number should be"),
        ("DECIMAL(3", "has nothing where a closing parenthesis should be"),
        ("BIGINT(3)", "has '(' where it should end"),
        ("", "'' has nothing where the name of a type should be"),
        ("[]", "has '[' where the name of a type should be"),
        ("INT[3]", "'INT[3]' has a list of fixed length; a list is spelled INTEGER[]"),
        ("INT[", "a list is spelled INTEGER[]"),
        ("INT]", "has ']' where it should end"),
        ("STRUCT", "has a STRUCT without fields"),
        ("STRUCT()", "has ')' where the name of a field should be"),
        ("STRUCT(a)", "has ')' where the name of a type should be"),
        ("STRUCT(a INT", "has nothing where a closing parenthesis should be"),
        ("STRUCT(a INT,", "has nothing where the name of a field should be"),
        ("STRUCT(a INT, A TEXT)", "has the field 'A' twice"),
        ("STRUCT<a: INT>", "cannot be read as a type from '<a: INT>' on"),
        ('STRUCT("a INT)', "cannot be read as a type from"),
        ("INT; DROP TABLE x", "cannot be read as a type from '; DROP TABLE x' on"),
        ("INT" + "[]" * 10_000, "is nested more than 32 levels deep"),
        ("STRUCT(a " * 1000, "is nested more than 32 levels deep"),
    ],
)
def test_what_is_not_a_type_is_one_clear_sentence(spelling, message):
    with pytest.raises(UnknownType) as caught:
        parse(spelling)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_which_types_can_be_keys():
    keys = ["TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL(9,2)", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "TEXT", "UUID"]
    for spelling in keys:
        assert parse(spelling).can_be_key
        assert parse(spelling).can_be_colocation_key
    assert parse("BOOL").can_be_key
    assert not parse("BOOL").can_be_colocation_key
    for spelling in ["DOUBLE", "FLOAT", "JSON", "STRUCT(a INT)", "INT[]"]:
        assert not parse(spelling).can_be_key
        assert not parse(spelling).can_be_colocation_key
