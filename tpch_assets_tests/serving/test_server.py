"""The server's paths: predictions as the model makes them, what is served, and who may ask."""

from datetime import date

import pytest

from serving.records import RECORDS
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets_tests.models import toy
from tpch_assets_tests.serving.served import RECORD, Served, follower_of, serving

TOKEN = "a-token-of-the-tests"


def test_predictions_are_those_of_the_model(served: Served) -> None:
    lake, version = served.follower.registry.lake, toy.version()
    rows = toy.records(RECORDS)
    expected = registry.load(lake, version).predict(rows)
    assert 0 < sum(value >= 0.5 for value in expected) < RECORDS
    sent = [{name: str(v) if isinstance(v, date) else v for name, v in row.items()} for row in rows]
    model = {"name": toy.NAME, "version": version.version}
    one = served.predict(sent[0])
    assert (one.status_code, one.headers["content-type"]) == (200, "application/json")
    assert one.json() == {"probability": expected[0], "decision": expected[0] >= 0.5, "model": model}
    for count in (1, 20, 21, RECORDS):
        found = served.predict(sent[:count]).json()
        assert found["model"] == model
        assert found["predictions"] == [{"probability": p, "decision": p >= 0.5} for p in expected[:count]]


def test_a_record_that_does_not_fit_is_told(served: Served) -> None:
    found = served.predict([RECORD, {**RECORD, "weight": "heavy"}])
    assert found.status_code == 422
    assert found.json() == {
        "error": "The records do not fit the model's features: 1 problem. GET /model lists the features.",
        "problems": [{"record": 1, "field": "weight", "message": '"heavy" is no number: send a number'}],
    }


def test_the_model_in_force_is_described(served: Served) -> None:
    found = served.client.get("/model").json()
    version = toy.version()
    assert (found["version"], found["trained_on"], found["metrics"]) == (version.version, "2026-01-01", version.metrics)
    assert [feature["name"] for feature in found["features"]] == [feature.name for feature in toy.FEATURES]
    assert served.client.get("/health").json() == {
        "status": "ok",
        "model": toy.NAME,
        "version": version.version,
        "since": None,
        "reason": None,
    }


def test_the_document_describes_the_features(served: Served) -> None:
    found = served.client.get("/openapi.json").json()
    record = found["components"]["schemas"]["Record"]
    assert record["required"] == ["weight", "ordered", "promised"]
    assert record["properties"]["carrier"]["enum"] == ["AIR", "ROAD", "SEA", None]
    assert list(found["paths"]) == ["/predict", "/health", "/model"]
    assert served.predict(found["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"])


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_without_other_hosts_says_how_to_ask(served: Served, path: str) -> None:
    page = served.client.get(path).text
    assert f"curl {served.url}/predict" in page
    assert all(f"<code>{feature.name}</code>" in page for feature in toy.FEATURES)
    assert "src=" not in page and page.count("href=") == 1


def test_other_paths_and_methods_are_told(served: Served) -> None:
    assert (served.client.get("/nothing").status_code, served.client.get("/nothing").json()) == (
        404,
        {"error": "Not Found"},
    )
    found = served.client.get("/predict")
    assert (found.status_code, found.headers["allow"]) == (405, "POST")


def test_only_who_has_the_token_may_ask(lake: Lake) -> None:
    toy.register(lake, toy.version())
    follower = follower_of(lake)
    follower.poll()
    with serving(follower, token=TOKEN) as guarded:
        for path in ("/health", "/model", "/openapi.json", "/docs"):
            assert guarded.client.get(path).status_code == 401
        assert guarded.client.get("/liveness").json() == {"serving": "alive"}
        for given in ({}, {"authorization": f"Bearer {TOKEN}s"}, {"authorization": TOKEN}):
            assert guarded.predict(RECORD, **given).status_code == 401
        assert guarded.client.get("/model", headers={b"authorization": "Bearer é".encode()}).status_code == 401
        found = guarded.predict(RECORD, authorization=f"Bearer {TOKEN}")
        assert found.status_code == 200
        allowed = guarded.client.get("/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
        assert allowed["security"] == [{"token": []}]


def test_without_a_model_the_server_answers_and_says_so(lake: Lake) -> None:
    follower = follower_of(lake)
    follower.poll()
    with serving(follower) as empty:
        assert empty.client.get("/liveness").status_code == 200
        assert empty.client.get("/health").status_code == 503
        found = empty.client.get("/health").json()
        assert (found["status"], found["version"]) == ("no model", None)
        assert found["reason"] == f"the registry has no champion of {toy.NAME}"
        assert "GET /health says why" in empty.predict(RECORD).json()["error"]
        assert empty.predict(RECORD).status_code == empty.client.get("/model").status_code == 503
        assert "There is no model" in empty.client.get("/docs").text
        assert empty.client.get("/openapi.json").status_code == 200
        toy.register(lake, toy.version())
        follower.poll()
        assert empty.predict(RECORD).status_code == 200
