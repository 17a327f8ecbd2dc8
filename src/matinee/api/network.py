"""Operators' JSON on the network of edges: who may join and who no longer, keys, purges."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from matinee.accounts.members import Member
from matinee.api.authentication import operator
from matinee.pages.rooms import Rooms

_MOST_BYTES = 16 * 1024


class Joining(BaseModel):
    """Who is to join."""

    edge_id: Annotated[str, Field(max_length=64)]


class TokenBody(BaseModel):
    """A join token: shown once, and kept nowhere."""

    edge_id: str
    token: str
    expires_at: datetime


class Rotating(BaseModel):
    """How the keys are rotated; at once: what the ones before signed opens nothing in a few seconds."""

    at_once: bool = False


class Purging(BaseModel):
    """What every edge is to remove: ``<title>/``, ``<title>/<revision>/`` or the beginning of a file under it."""

    prefix: Annotated[str, Field(max_length=600)]


def routes(rooms: Rooms) -> APIRouter:
    """Beside the studio's other routes; every one needs an operator, and every act is noted."""
    allowed = operator(rooms)
    router = APIRouter(prefix="/studio", tags=["studio"], dependencies=[Depends(allowed)], max_body_size=_MOST_BYTES)
    Operator = Annotated[Member, Depends(allowed)]  # noqa: N806 - a type, made of this service's rooms
    network = rooms.network

    @router.post("/edges/join-tokens", status_code=201)
    def join_token(joining: Joining, member: Operator) -> TokenBody:
        """A one-time token that an edge may join with within an hour, in place of any credential it had."""
        made = network.enrolment.make_token(joining.edge_id, member.id)
        return TokenBody(edge_id=made.edge_id, token=made.token, expires_at=made.expires_at)

    @router.delete("/edges/{edge_id}/credential", status_code=204)
    def revoke(edge_id: str, member: Operator) -> None:
        """Take the edge's word no longer, at once; the keys it knows are replaced."""
        network.enrolment.revoke(edge_id, member.id)
        network.keys.rotate(member.id)

    @router.post("/keys/rotation", status_code=202)
    def rotate(member: Operator, rotating: Rotating | None = None) -> dict[str, str]:
        """Publish a new key, which signs once edges had time to hear of it.

        The ones before open what they signed until that has ended; with ``at_once`` they retire within seconds, and
        everybody who plays renews. That is for keys that somebody else may know.
        """
        return {"key_id": network.keys.rotate(member.id, at_once=rotating is not None and rotating.at_once)}

    @router.post("/purges", status_code=202)
    def purge(purging: Purging, member: Operator) -> dict[str, Any]:
        """Have every edge remove files; those that are silent hear of it when they come back."""
        ordered = network.purges.purge(purging.prefix, member.id)
        return {"sequence": ordered.sequence, "prefix": ordered.prefix}

    return router
