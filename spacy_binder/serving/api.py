"""The HTTP interface: its paths, the statuses that each can have, and their description in OpenAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from time import perf_counter
from typing import Any, Optional

import anyio
from fastapi import FastAPI
from fastapi.exceptions import HTTPException
from pydantic import ValidationError
from pydantic_core import to_json
from spacy.language import Language
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Errors
from .annotator import Options
from .body import ClosingResponse, read_body
from .messages import AnnotateAnswer, AnnotateRequest, HealthAnswer, LabelsAnswer, Problem, request_model
from .metrics import CONTENT_TYPE, ServerMetrics
from .problems import ProblemError, not_a_request
from .service import Service
from .settings import ServerSettings

PATHS = ("/annotate", "/labels", "/health", "/metrics", "/openapi.json")
# As nginx counts requests whose client has left. Nobody sees it.
CLIENT_LEFT = 499
MEANINGS = {
    408: "The body did not arrive in time",
    413: "The body, or something in it, is too large",
    415: "The body is not JSON by its type",
    422: "The body is no valid request, or the pipeline can't do what it asks for",
    429: "Too many requests are waiting. The header `Retry-After` says when to send it again, in seconds",
    500: "The pipeline failed on a text",
    503: "The server is being stopped, or its pipeline has ended",
    504: "The request was not answered in time",
}
RETRY = {"Retry-After": {"description": "Seconds until it may be sent again", "schema": {"type": "integer"}}}


def make_api(nlp: Language, name: str, settings: ServerSettings) -> FastAPI:
    """Make the HTTP interface of a pipeline. Its service starts and stops with the server that runs it.

    nlp (Language): The pipeline.
    name (str): Its `binder_ner`.
    settings (ServerSettings): Batches, limits, and who may send requests.
    RETURNS (FastAPI): The interface.
    """
    service = Service(nlp, name, settings)
    Asked = request_model(settings.limits, service.annotator.labels)
    meta = {"pipeline": f"{nlp.lang}_{nlp.meta['name']}", "version": nlp.meta["version"]}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await anyio.to_thread.run_sync(service.stop)

    api = FastAPI(
        title="spacy-binder",
        summary="Finds named entities of types that are described in words",
        version=version("spacy-binder"),
        lifespan=lifespan,
        # These pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )

    @api.post(
        "/annotate",
        summary="Find spans in texts",
        response_model=AnnotateAnswer,
        responses=_responses(settings, 408, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra={"requestBody": _json_body(Asked)},
    )
    async def annotate(request: Request) -> Response:
        with service.admitted():
            body = await read_body(request, settings.limits)
            try:
                asked = Asked.model_validate_json(body)
            except ValidationError as error:
                raise not_a_request(error) from None
            found = await service.annotate(_options(asked), asked.texts, request.receive)
        content = to_json({"results": [{"spans": spans} for spans in found]})
        return Response(content, media_type="application/json")

    @api.get("/labels", summary="The labels of the pipeline", responses=_responses(settings))
    async def labels() -> LabelsAnswer:
        return LabelsAnswer.model_validate({"labels": service.annotator.labels})

    @api.get("/health", summary="Whether the server takes requests", responses=_responses(settings, 503))
    async def health() -> HealthAnswer:
        if not service.batcher.is_running:
            raise ProblemError(503, Errors.B081)
        return HealthAnswer(status="ok", **meta)

    @api.get(
        "/metrics",
        summary="Counts and times in Prometheus' format",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_responses(settings)},
    )
    async def metrics() -> Response:
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE)

    api.add_exception_handler(ProblemError, _show_problem)
    api.add_exception_handler(StarletteHTTPException, _show_http_error)
    api.add_exception_handler(ClientDisconnect, _show_client_left)
    api.add_exception_handler(Exception, _show_fault)
    if settings.origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
        )
    if settings.hosts:
        api.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.hosts), www_redirect=False)
    api.add_middleware(Counted, metrics=service.metrics)
    api.state.service = service
    return api


def _json_body(model: type[AnnotateRequest]) -> dict[str, Any]:
    schema = model.model_json_schema()
    example = {"texts": ["Marta Lindqvist left Bergen."], "labels": {"PLACE": "geo-political entity: countries"}}
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _responses(settings: ServerSettings, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """RETURNS (dict): What OpenAPI says of statuses other than 200."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": MEANINGS[status]} for status in statuses
    }
    if 429 in found:
        found[429]["headers"] = RETRY
    if settings.hosts:
        text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
        found[400] = {"description": "The header `Host` names none of the server's names", **text}
    return found


def _options(asked: AnnotateRequest) -> Options:
    if asked.labels is None:
        return Options(None, asked.threshold)
    labels = (
        (label, (value,) if isinstance(value, str) else None if value is None else tuple(value))
        for label, value in asked.labels.items()
    )
    return Options(tuple(labels), asked.threshold)


async def _show_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    kind = ClosingResponse if error.closes else JSONResponse
    return kind(error.content(), error.status, error.headers)


async def _show_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, (HTTPException, StarletteHTTPException))
    return JSONResponse({"code": None, "message": str(error.detail)}, error.status_code, error.headers)


async def _show_client_left(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_LEFT)


async def _show_fault(_: Request, __: Exception) -> Response:
    return JSONResponse({"code": None, "message": "The server failed. Its log has the cause."}, 500)


class Counted:
    """Counts answers by path and status, and measures how long they take."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        status: Optional[int] = None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # Other paths have one name, so that a client can't make more and more of them.
            path = scope["path"] if scope["path"] in PATHS else "other"
            self._metrics.count_request(path, status or 500, perf_counter() - start)
