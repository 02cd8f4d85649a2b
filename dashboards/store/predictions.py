"""Asks the model's server for a prediction, over HTTP alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from tpch_assets.settings import ServingAddress, current_settings, load_address

SECONDS = 5


@dataclass(frozen=True)
class Prediction:
    """A server's answer, or why there is none.

    Attributes:
        trouble: Why there is no prediction, in a sentence.
        problems: What is wrong with fields, by their names.
    """

    probability: float | None = None
    decision: bool = False
    version: str = ""
    trouble: str = ""
    problems: tuple[tuple[str, str], ...] = ()


def url() -> str:
    """Where the server is: on this machine, unless the settings say otherwise."""
    return current_settings().serving_url or load_address(ServingAddress).url


async def predict(model: str, record: Mapping[str, object]) -> Prediction:
    """Ask for one prediction of a model."""
    where, token = url(), load_address(ServingAddress).token
    remote = urlsplit(where).hostname not in ("127.0.0.1", "localhost", "::1")  # Those are not behind a proxy.
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=remote, headers=headers) as client:
            answer = await client.post(f"{where}/predict", json=dict(record))
            told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        why = str(error) or type(error).__name__
        return Prediction(trouble=f"The model's server at {where} does not answer ({why}). Start it: make serve.")
    if answer.status_code != 200 or not isinstance(told, dict):
        return _refused(where, answer.status_code, told)
    if told["model"]["name"] != model:
        return Prediction(trouble=f"The server at {where} serves another model, {told['model']['name']}.")
    return Prediction(told["probability"], told["decision"], told["model"]["version"])


def _refused(where: str, status: int, told: object) -> Prediction:
    said = told if isinstance(told, dict) else {}
    if status == 401:
        return Prediction(trouble=f"The server at {where} refuses the token: set TPCH_SERVING_TOKEN to the server's.")
    problems = tuple((str(one["field"]), str(one["message"])) for one in said.get("problems", ()))
    return Prediction(
        trouble=str(said.get("error", f"The server at {where} answers with status {status}.")), problems=problems
    )
