"""Edges speak with the control plane: ``ports.ControlChannel`` over HTTP. What is said, ``delivery.desk`` answers."""

import json
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from matinee.delivery.desk import MOST_BYTES
from matinee.pages.visitor import bearer_token

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


async def _bytes(request: Request) -> bytes:
    return await request.body()


def _shown(request: Request) -> str:
    """The credential that a request shows; empty without one."""
    return bearer_token(request.headers) or ""


Body = Annotated[bytes, Depends(_bytes)]
Shown = Annotated[str, Depends(_shown)]


def routes(rooms: "Rooms") -> APIRouter:
    """One route a verb; all but enrolment want the edge's own credential (403)."""
    router = APIRouter(prefix="/edges", tags=["edges"], max_body_size=MOST_BYTES, default_response_class=Response)

    def answered(edge_id: str, verb: str, shown: str, body: bytes = b"") -> Response:
        answer = rooms.desk.answer(edge_id, verb, shown, body)
        # Kept by caches on the way it would be old, and keys are nobody else's.
        return Response(answer, media_type="application/json", headers={"Cache-Control": "no-store"})

    @router.post("/{edge_id}/enrolment")
    def enrol(edge_id: str, body: Body) -> Response:
        """Take ``{token, credential}``: a one-time join token, and what the edge shows from then on."""
        return answered(edge_id, "enrolment", "", body)

    @router.post("/{edge_id}/report")
    def report(edge_id: str, body: Body, shown: Shown) -> Response:
        """Keep what the edge says of itself, and answer with its orders."""
        return answered(edge_id, "report", shown, body)

    @router.get("/{edge_id}/keys")
    def keys(edge_id: str, shown: Shown) -> Response:
        """The keys that open media tokens now."""
        return answered(edge_id, "keys", shown)

    @router.get("/{edge_id}/plan/{generation}")
    def plan(edge_id: str, generation: int, shown: Shown, page: Annotated[int, Query(ge=0)] = 0) -> Response:
        """One page of the edge's plan; 404 once there is a newer one."""
        asked = json.dumps({"generation": generation, "page": page}).encode()
        answer = answered(edge_id, "plan", shown, asked)
        answer.headers["Content-Encoding"] = "gzip"
        return answer

    @router.post("/{edge_id}/holdings")
    def hold(edge_id: str, body: Body, shown: Shown) -> Response:
        """Keep what the edge holds; ``{through}``: the last update kept, -1 if it is to begin anew."""
        return answered(edge_id, "holdings", shown, body)

    @router.post("/{edge_id}/accounts")
    def account(edge_id: str, body: Body, shown: Shown) -> Response:
        """Count what the edge sent, once; ``{through}``: the last interval counted."""
        return answered(edge_id, "accounts", shown, body)

    return router
