"""Operators' JSON on what edges hold and sent: pins, plans, bytes by class, and who did what."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from matinee.accounts.members import Member
from matinee.api.authentication import operator
from matinee.pages.rooms import Rooms

_MOST_BYTES = 16 * 1024


class Pinning(BaseModel):
    """A title that every edge of a region (empty: of all) is to hold."""

    title_id: Annotated[str, Field(max_length=64)]
    region: Annotated[str, Field(max_length=64)] = ""


def routes(rooms: Rooms) -> APIRouter:
    """Beside the studio's other routes; every one needs an operator."""
    allowed = operator(rooms)
    router = APIRouter(prefix="/studio", tags=["studio"], dependencies=[Depends(allowed)], max_body_size=_MOST_BYTES)
    Operator = Annotated[Member, Depends(allowed)]  # noqa: N806 - a type, made of this service's rooms
    plans = rooms.network.plans

    @router.get("/pins")
    def pins() -> dict[str, Any]:
        """Every pin; an empty region is everywhere."""
        return {"pins": [{"title_id": title_id, "region": region} for title_id, region in plans.pins()]}

    @router.post("/pins", status_code=201)
    def pin(pinning: Pinning, member: Operator) -> Pinning:
        """Pin a title in a region or everywhere. 404 for a title or region that there is not."""
        rooms.catalogue.title(pinning.title_id)
        if pinning.region:
            rooms.topology.region(pinning.region)
        plans.pin(pinning.title_id, pinning.region, member.id)
        return pinning

    @router.delete("/pins/{title_id}", status_code=204)
    def unpin(title_id: str, member: Operator, region: str | None = None) -> None:
        """Take a title's pin in a region back, or all of them."""
        plans.unpin(title_id, region, member.id)

    @router.get("/plans")
    def newest() -> dict[str, Any]:
        """Every edge's newest plan, without its files."""
        return {"plans": [asdict(one) for one in plans.summaries()]}

    @router.get("/delivery")
    def delivery(days: Annotated[int, Query(ge=1, le=400)] = 7) -> dict[str, Any]:
        """Bytes sent, by day, edge, where they came from and the class of their miss (empty: none)."""
        return {"sums": [asdict(one) for one in rooms.accounting.sums(days)]}

    @router.get("/audit")
    def audit(before: int | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> dict[str, Any]:
        """Who did what to edges, newest first; ``before`` a sequence, to go on from there."""
        return {"acts": [asdict(act) for act in rooms.network.audit.acts(before, limit)]}

    return router
