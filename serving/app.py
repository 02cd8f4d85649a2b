"""Assembles the server, and serves until stopped.

What a path answers does not belong here.
"""

import json
import logging
import os
import signal
import socket
import sys
from errno import EADDRINUSE
from pathlib import Path
from typing import Any, NoReturn

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from serving.answers import Health, ModelAnswer, described, health
from serving.document import predict_path, schemas
from serving.follow import Follower
from serving.guard import Guard
from serving.predict import NO_MODEL, Predict
from serving.protocol import Impatient
from serving.records import RECORDS, example, hint
from serving.registry import registry_of
from serving.settings import ServingSettings
from tpch_assets.settings import HEALTH, SERVING_PREFIX, SettingsError, current_business, current_settings, load_address

STOPS = (signal.SIGINT, signal.SIGTERM)
PAGE = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template("docs.html")


def application(follower: Follower, settings: ServingSettings) -> ASGIApp:
    """The server's paths, over whatever the follower has in force."""
    app = FastAPI(title=f"Predictions of {follower.registry.model}", docs_url=None, redoc_url=None)
    app.router.routes.append(Route("/predict", Predict(follower), methods=["POST"]))
    _add_state(app, follower)
    _add_documents(app, follower, settings)

    @app.exception_handler(StarletteHTTPException)
    def refuse(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

    return Guard(app, settings.token) if settings.token else app


def _add_state(app: FastAPI, follower: Follower) -> None:
    @app.get(HEALTH, include_in_schema=False)
    async def liveness() -> dict[str, str]:
        return {"serving": "alive"}

    @app.get("/health", summary="Whether the server predicts, and whether it follows the registry.")
    async def get_health(response: Response) -> Health:
        found = health(follower.registry.model, follower.served, follower.trouble)
        response.status_code = 503 if follower.served is None else 200
        return found

    @app.get("/model", summary="The version in force: its figures and its features.")
    async def get_model() -> ModelAnswer:
        if follower.served is None:
            raise HTTPException(503, NO_MODEL)
        return described(follower.served)


def _add_documents(app: FastAPI, follower: Follower, settings: ServingSettings) -> None:
    def document() -> dict[str, Any]:
        version = follower.served.version if follower.served else None
        made = get_openapi(title=app.title, version=version.version if version else "none", routes=app.routes)
        made["paths"] = {"/predict": predict_path(version), **made["paths"]}
        made.setdefault("components", {}).setdefault("schemas", {}).update(schemas(version))
        if settings.token:
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}]
        return made

    app.openapi = document  # type: ignore[method-assign]

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        version = follower.served.version if follower.served else None
        features = version.features if version else ()
        given: dict[str, Any] = {
            "model": follower.registry.model,
            "version": version,
            "records": RECORDS,
            "token": settings.token,
        }
        given |= {"url": str(request.base_url).rstrip("/"), "paths": document()["paths"]}
        given["features"] = [(feature, hint(feature).removeprefix("send ")) for feature in features]
        given["example"] = json.dumps({feature.name: example(feature) for feature in features})
        return HTMLResponse(PAGE.render(given))


def model_of(settings: ServingSettings) -> str:
    """The name of the model to serve.

    Raises:
        SettingsError: The business has none, or none of this name.
    """
    names, business = [model.name for model in current_business().models], current_settings().business
    if not names:
        raise SettingsError(f"{business} has no model to serve: name one in its BUSINESS, in models")
    if settings.model is not None and settings.model not in names:
        raise SettingsError(f"{SERVING_PREFIX}MODEL={settings.model}: {business} has {', '.join(names)}")
    return settings.model or names[0]


def server(follower: Follower, settings: ServingSettings) -> uvicorn.Server:
    """A server that does not run yet."""
    config = uvicorn.Config(
        application(follower, settings),
        http=Impatient,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level=logging.ERROR,  # What a client did wrong, its answer says.
        server_header=False,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def listening(settings: ServingSettings) -> socket.socket:
    """The port, taken.

    Raises:
        SettingsError: It is in use, or cannot be used.
    """
    address, port = settings.address, settings.port
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=1024)
    except OSError as error:
        why = "is in use" if error.errno == EADDRINUSE else f"of {address} cannot be used ({error.strerror})"
        raise SettingsError(f"port {port} {why}: set {SERVING_PREFIX}PORT or stop the other program") from None


def main() -> None:
    """Serve until stopped. A bad setting is one sentence on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("serving").setLevel(logging.INFO)
    try:
        settings = load_address(ServingSettings)
        taken = listening(settings)
        follower = Follower(registry_of(current_settings().lake, model_of(settings)), settings.poll_seconds)
    except SettingsError as error:
        sys.stderr.write(f"serving: {error}\n")
        sys.exit(2)
    run(follower, settings, taken)


def run(follower: Follower, settings: ServingSettings, taken: socket.socket) -> NoReturn:
    """Serve until a signal arrives, and end the process."""
    for signal_ in STOPS:  # uvicorn answers what has begun, and then sends itself the signal once more.
        signal.signal(signal_, lambda *_: None)
    sys.stderr.write(f"Predictions of {follower.registry.model}: {settings.url}\n")
    follower.start()
    server(follower, settings).run([taken])
    os._exit(0)  # A thread that reads the lake crashes while Python takes itself apart.
