"""Operators' JSON: titles, encodes, edges, orders to edges, and the demo's breakages."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from matinee.accounts.members import Member
from matinee.api.authentication import operator
from matinee.api.spans import add_spans
from matinee.api.titles import TitleBody, title_body
from matinee.catalogue.lifecycle import draft_of
from matinee.model.errors import Invalid, NotFound
from matinee.pages.edges import EdgePlace, place
from matinee.pages.report import title_report
from matinee.pages.rooms import Rooms
from matinee.pages.studio import EncodeLine, TitleLine, studio_encodes, studio_titles
from matinee.reports.report import report_to_json


class Orders(BaseModel):
    """What an edge is to do; what is left out stays. ``egress_limit_bps`` 0 lifts the cap."""

    draining: bool | None = None
    down: bool | None = None
    egress_limit_bps: Annotated[int | None, Field(ge=0)] = None


class Description(BaseModel):
    """What is to be said of a title instead; what is left out stays."""

    name: str | None = None
    synopsis: str | None = None
    year: int | None = None
    genres: tuple[str, ...] | None = None
    moods: tuple[str, ...] | None = None
    maturity: int | None = None
    parent_id: str | None = None
    season_number: int | None = None
    episode_number: int | None = None
    territories: tuple[str, ...] | None = None


_OWN = {"Cache-Control": "private, no-cache"}
# What a title may be without.
_DISPENSABLE = frozenset({"year", "parent_id", "season_number", "episode_number"})


def routes(rooms: Rooms) -> APIRouter:
    """The studio's routes; every one needs an operator."""
    allowed = operator(rooms)
    router = APIRouter(prefix="/studio", tags=["studio"], dependencies=[Depends(allowed)])

    @router.get("/titles")
    def titles() -> dict[str, Any]:
        """Every title in every state, newest first."""
        return {"titles": [_title(line) for line in studio_titles(rooms)]}

    _add_titles(router, rooms)
    add_spans(router, rooms)

    @router.get("/encodes")
    def encodes() -> dict[str, Any]:
        """The latest encodes with their progress and failures."""
        return {"encodes": [_encode(line) for line in studio_encodes(rooms)]}

    @router.post("/encodes/{job_id}/retry", status_code=202)
    def retry(job_id: str) -> dict[str, Any]:
        """Queue a failed encode again."""
        rooms.encoding.retry(job_id)
        return {"id": job_id, "state": "queued"}

    @router.get("/edges")
    def edges() -> dict[str, Any]:
        """Every edge with its state, its last report and its load of the last five minutes."""
        return {
            "edges": [
                _edge(place(edge))
                | {
                    "history": [
                        {"time": load.time.timestamp(), "egress_bps": load.egress_bps, "connections": load.connections}
                        for load in rooms.edges.history(edge.id)
                    ]
                }
                for edge in rooms.edges.edges()
            ]
        }

    @router.patch("/edges/{edge_id}")
    def order(edge_id: str, orders: Orders, member: Annotated[Member, Depends(allowed)]) -> dict[str, Any]:
        """Drain an edge or take it back, take it down or put it up, cap its egress or lift the cap."""
        changes: dict[str, Any] = {}
        if orders.egress_limit_bps is not None:
            changes["egress_limit_bps"] = orders.egress_limit_bps or None
        ordered = rooms.edges.order(edge_id, draining=orders.draining, down=orders.down, by=member.id, **changes)
        return _edge(place(ordered))

    @router.post("/edges/{edge_id}/{action}", status_code=202)
    def break_it(edge_id: str, action: str, member: Annotated[Member, Depends(allowed)]) -> dict[str, str]:
        """In the demo: kill, hang or revive an edge. NotFound elsewhere."""
        if rooms.demo is None:
            raise NotFound("Only the demo breaks its own edges.")
        rooms.demo(action, edge_id)
        return {"edge_id": edge_id, "action": action, "by": member.id}

    return router


def _add_titles(router: APIRouter, rooms: Rooms) -> None:
    """What is done to one title."""

    @router.patch("/titles/{title_id}")
    def describe(title_id: str, description: Description) -> TitleBody:
        """Say other things of a title: its name, its year, where and from what age it may be seen."""
        said = description.model_dump(exclude_unset=True)
        for name, value in said.items():
            if value is None and name not in _DISPENSABLE:
                raise Invalid(f"A title cannot be without {name}.")
        draft = replace(draft_of(rooms.catalogue.title(title_id)), **said)
        return title_body(rooms.catalogue.describe(title_id, draft), operator=True)

    @router.get("/titles/{title_id}/report")
    def report(title_id: str) -> Response:
        """What the encode of a title's revision came to: ladder, quality, bits, cost (docs/report.md)."""
        found = title_report(rooms, rooms.catalogue.title(title_id))
        return Response(report_to_json(found), media_type="application/json", headers=_OWN)

    @router.put("/titles/{title_id}/withdrawal")
    def withdraw(title_id: str) -> TitleBody:
        """Take a title off every page, and its files off the edges; nobody can start it any more."""
        return title_body(rooms.catalogue.withdraw(title_id), operator=True)

    @router.delete("/titles/{title_id}/withdrawal")
    def restore(title_id: str) -> TitleBody:
        """Take a withdrawal back."""
        return title_body(rooms.catalogue.restore(title_id), operator=True)


def _title(line: TitleLine) -> dict[str, Any]:
    title = line.title
    return {
        "id": title.id,
        "name": title.name,
        "kind": str(title.kind),
        "state": str(title.state),
        "message": title.message,
        "revision": title.revision,
        "duration_seconds": title.duration_seconds,
        "size_bytes": line.size_bytes,
        "rungs": list(line.rungs),
        "created_at": title.created_at.isoformat(),
        "published_at": title.published_at and title.published_at.isoformat(),
    }


def _encode(line: EncodeLine) -> dict[str, Any]:
    job = line.job
    return {
        "id": job.id,
        "title_id": job.title_id,
        "name": line.name,
        "source_name": job.source_name,
        "state": str(job.state),
        "stage": job.stage,
        "progress": round(job.progress, 4),
        "message": job.message,
        "attempts": job.attempts,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at and job.started_at.isoformat(),
        "ended_at": job.ended_at and job.ended_at.isoformat(),
    }


def _edge(where: EdgePlace) -> dict[str, Any]:
    edge = where.edge
    report = edge.report
    return {
        "id": edge.id,
        "site": report.site,
        "region": report.region,
        "url": report.url,
        "latitude": report.latitude,
        "longitude": report.longitude,
        "state": str(edge.state),
        "draining": edge.draining,
        "down": edge.down,
        "egress_limit_bps": edge.egress_limit_bps,
        "capacity_bps": report.capacity_bps,
        "egress_bps": report.egress_bps,
        "load": where.load,
        "connections": report.connections,
        "cached_bytes": report.cached_bytes,
        "cache_limit_bytes": report.cache_limit_bytes,
        "files": report.files,
        "demand_hit_bytes": report.demand_hit_bytes,
        "origin_bytes": report.origin_bytes,
        "requests": report.requests,
        "refused": report.refused,
        "last_seen": edge.last_seen.isoformat(),
    }
