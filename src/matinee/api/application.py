"""All of the API's routes on one FastAPI application."""

from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from matinee.api import (
    accounts,
    cmcd,
    delivery,
    edges,
    events,
    experiments,
    home,
    manifests,
    marks,
    network,
    playbacks,
    problems,
    profiles,
    sources,
    steering,
    studio,
    titles,
    uploads,
)
from matinee.pages.rooms import Rooms


def application(rooms: Rooms, version: str) -> FastAPI:
    """The API as an application: JSON under /api/v1, its description at /api/openapi.json, steering and manifests."""
    app = FastAPI(
        title="Matinee",
        version=version,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    for noun in (
        accounts,
        profiles,
        marks,
        titles,
        home,
        playbacks,
        events,
        cmcd,
        edges,
        network,
        delivery,
        studio,
        experiments,
        sources,
        uploads,
    ):
        app.include_router(noun.routes(rooms), prefix="/api/v1")
    for noun in (steering, manifests):
        app.include_router(noun.routes(rooms))
    app.include_router(_health(rooms, version))
    app.add_middleware(events.Ahead, rooms=rooms)
    return app


def _health(rooms: Rooms, version: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok", "version": version}

    @router.get("/readyz")
    def readyz() -> dict[str, str]:
        """The process and its database answer; Unavailable (503) says which part does not."""
        rooms.catalogue.shelf()
        return {"status": "ready"}

    @router.get("/metrics")
    def metrics() -> Response:
        """Prometheus's text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
