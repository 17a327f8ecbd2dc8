"""Edges report and hear their orders."""

import hmac
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from matinee.model.errors import Forbidden, Invalid
from matinee.model.plans import EdgeReport
from matinee.model.tokens import edge_credential
from matinee.pages.visitor import bearer_token

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 64 * 1024
_REPORT = TypeAdapter(EdgeReport)


class OrdersBody(BaseModel):
    """What an edge is to do until it hears otherwise; ``egress_limit_bps`` null is no cap."""

    draining: bool
    egress_limit_bps: int | None
    plan_generation: int


async def _bytes(request: Request) -> bytes:
    return await request.body()


def routes(rooms: "Rooms") -> APIRouter:
    """``POST /edges/{edge_id}/report`` with the edge's own credential."""
    router = APIRouter(prefix="/edges", tags=["edges"], max_body_size=_MOST_BYTES)

    def this_edge(edge_id: str, request: Request) -> str:
        shown = bearer_token(request.headers) or ""
        wanted = edge_credential(rooms.edge_secret, edge_id)
        if not hmac.compare_digest(shown.encode(), wanted.encode()):
            raise Forbidden("This is for the edge itself, with its own credential.")
        return edge_id

    @router.post("/{edge_id}/report")
    def report(edge_id: Annotated[str, Depends(this_edge)], body: Annotated[bytes, Depends(_bytes)]) -> OrdersBody:
        """Keep what the edge says of itself, and answer with its orders."""
        try:
            told = _REPORT.validate_json(body, strict=True)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"])) or "body"
            raise Invalid(f"Edge {edge_id}'s report is not right: {where}: {fault['msg']}.") from error
        if told.edge_id != edge_id:
            raise Invalid(f"Edge {edge_id} sent a report of edge {told.edge_id!r:.80}.")
        orders = rooms.edges.report(told)
        return OrdersBody(
            draining=orders.draining,
            egress_limit_bps=orders.egress_limit_bps,
            plan_generation=orders.plan_generation,
        )

    return router
