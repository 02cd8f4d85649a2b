"""What is wrong with a declaration is said in one sentence, with the file, and takes nothing else down."""

from pathlib import Path
from typing import Any

import pytest

from tpch_assets.models.declared import broken_models, load_models
from tpch_assets.schema.models import Derived, Rule
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.models import parcels


def test_features_are_described_by_their_columns() -> None:
    found = {feature.name: feature for feature in parcels.bound()[0].features}
    assert {name: one.kind for name, one in found.items()} == {
        "p_weight": "number",
        "p_price": "number",
        "carrier": "category",
        "p_note": "category",
        "p_ordered": "date",
        "p_promised": "date",
    }
    assert found["p_weight"].description == "Kilograms."
    assert [name for name, one in found.items() if one.nullable] == ["p_price", "p_note"]


def test_comments_and_layout_do_not_change_the_code(tmp_path: Path) -> None:
    same = parcels.with_features(tmp_path, lambda text: text.replace("\nFROM", " -- where from\n  from"))
    assert parcels.bound(same)[0].digest == parcels.bound()[0].digest
    other = parcels.with_features(tmp_path, lambda text: text.replace("p_weight", "p_weight + 1 AS p_weight"))
    assert parcels.bound(other)[0].digest != parcels.bound()[0].digest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "Late"}, "a model's name is made of lower-case letters"),
        ({"name": "models"}, "the name is taken"),
        ({"key": ("p_di",)}, "its features have no column p_di: did you mean p_id?"),
        ({"label": "p_weight"}, "the label p_weight is DECIMAL(9,3); it has to be BOOLEAN"),
        ({"derived": ()}, "the date p_ordered is of no use by itself"),
        ({"derived": (Derived("d", "weekday", ("p_weight",), ""),)}, "d is derived from p_weight, which is no DATE"),
        ({"rule": Rule("carrier", 3)}, "its rule is about carrier, which is no number"),
        ({"barred": {"p_recieved": "typo"}}, "it bars p_recieved, which no table has: did you mean p_received?"),
        ({"features": Path("nowhere.sql")}, "nowhere.sql: cannot be read: No such file or directory"),
    ],
)
def test_a_declaration_that_does_not_fit_is_told(fields: dict[str, Any], message: str) -> None:
    business = parcels.business(parcels.changed(**fields))
    assert load_models(business) == {}
    (broken,) = broken_models(business).values()
    assert message in broken.error


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p_weight,", "p_wait,", 'late_parcels.sql:6: Referenced column "p_wait" not found'),
        ("p_weight,", "[p_weight] AS list,", "the feature list is DECIMAL(9,3)[]: CAST it"),
        ("p_weight,", "$as_of - p_ordered AS age,", "features are one plain SELECT without parameters"),
    ],
)
def test_a_features_file_that_does_not_fit_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    business = parcels.business(parcels.with_features(tmp_path, lambda text: text.replace(f"    {old}", f"    {new}")))
    assert message in broken_models(business)[parcels.MODEL.name].error


def test_dates_have_few_operations() -> None:
    with pytest.raises(ValueError, match=r"derived feature d: weekday of 2; allowed are days between \(of 2\)"):
        Derived("d", "weekday", ("a", "b"), "")


def test_tpchs_model_is_sound() -> None:
    assert broken_models(BUSINESS) == {}
    assert not {f.name for f in load_models(BUSINESS)["late_delivery_model"].features} & {
        "l_receiptdate",
        "l_shipdate",
        "l_shiptime",
        "l_returnflag",
        "l_linestatus",
        "o_orderstatus",
    }
