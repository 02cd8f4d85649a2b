"""The OpenAPI document: what `/predict` takes follows from the features of the model in force.

The other paths' part is FastAPI's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from serving.records import LARGEST, RECORDS, example, hint
from tpch_assets.models.features import Feature
from tpch_assets.models.registry import ModelVersion

Json = dict[str, Any]

_ERRORS = {
    "400": "The body is not JSON.",
    "401": "The token is missing or wrong.",
    "408": "The body took too long.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "422": "The records do not fit the model's features.",
    "503": "There is no model yet, or too many connections are open.",
}


def predict_path(version: ModelVersion | None) -> Json:
    """The item of `/predict`."""
    records = {"$ref": "#/components/schemas/Record"}
    many = {"type": "array", "items": records, "minItems": 1, "maxItems": RECORDS}
    content: Json = {"schema": {"oneOf": [records, many]}}
    if version is not None:
        content["example"] = {feature.name: example(feature) for feature in version.features}
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    answers = {"oneOf": [{"$ref": "#/components/schemas/Answer"}, {"$ref": "#/components/schemas/Answers"}]}
    return {
        "post": {
            "summary": "Predict for one record, or for a list of them.",
            "operationId": "predict",
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": {
                "200": {
                    "description": "A probability and a decision for each record, and the version that made them.",
                    "content": {"application/json": {"schema": answers}},
                },
                **{status: {"description": text, "content": refused} for status, text in _ERRORS.items()},
            },
        }
    }


def schemas(version: ModelVersion | None) -> Json:
    """The components that `/predict` refers to."""
    prediction: Json = {"probability": {"type": "number", "minimum": 0, "maximum": 1}, "decision": {"type": "boolean"}}
    model: Json = {"model": _object({"name": {"type": "string"}, "version": {"type": "string"}})}
    problem: Json = {
        "record": {"type": "integer", "description": "The record's place in the list, from 0."},
        "field": {"type": ["string", "null"]},
        "message": {"type": "string"},
    }
    refusal: Json = {"error": {"type": "string"}, "problems": {"type": "array", "items": _object(problem)}}
    return {
        "Record": _record(version.features) if version else {"type": "object"},
        "Answer": _object(prediction | model),
        "Answers": _object({"predictions": {"type": "array", "items": _object(prediction)}} | model),
        "Refusal": _object(refusal, required=("error",)),
    }


def _record(features: Sequence[Feature]) -> Json:
    needed = [feature.name for feature in features if not feature.nullable]
    return _object({feature.name: _value(feature) for feature in features}, required=needed)


def _value(feature: Feature) -> Json:
    found: Json
    if feature.kind == "category":
        found = {"type": "string", "enum": list(feature.categories)}
    elif feature.kind == "date":
        found = {"type": "string", "format": "date"}
    else:
        found = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
    found["description"] = feature.description or f"{hint(feature).capitalize()}."
    if feature.nullable:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def _object(properties: Mapping[str, Json], required: Sequence[str] | None = None) -> Json:
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": dict(properties), "required": names, "additionalProperties": False}
