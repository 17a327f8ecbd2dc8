"""The studio's pages of edges: how they are, orders, who may join, what is purged, keys, who did what."""

import re
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.model.errors import Invalid
from matinee.pages.acts import act_lines
from matinee.pages.edge import edge_page
from matinee.pages.edges import narrowed, parts, shown, summed
from matinee.pages.purges import purge_lines
from matinee.pages.studio import studio_edges
from matinee.web.desk import Desk, back_to

_MEGA = 1_000_000
_ACTS = 100
_PLAIN = re.compile(r"[A-Za-z0-9._:-]*")
# A page that shows a secret once is kept by nobody.
_SECRET = {"Cache-Control": "no-store"}
_Text = Annotated[str, Form(max_length=400)]


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the pages of edges among the studio's; every one needs an operator."""
    pages, deeds = _Pages(desk), _Deeds(desk)
    for path, page in (
        ("/edges", pages.edges),
        ("/edges/{edge_id}", pages.edge),
        ("/join", pages.join),
        ("/purges", pages.purges),
        ("/keys", pages.keys),
        ("/audit", pages.audit),
    ):
        router.add_api_route(path, page, methods=["GET"])
    for path, deed in (
        ("/edges/{edge_id}/orders", deeds.order),
        ("/edges/{edge_id}/revocation", deeds.revoke_edge),
        ("/join", deeds.join),
        ("/purges", deeds.purge),
        ("/revocations", deeds.revoke_playback),
        ("/keys", deeds.rotate),
    ):
        router.add_api_route(path, deed, methods=["POST"])


class _Pages:
    """What is looked at."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rooms = desk.rooms

    def edges(self, request: Request, state: str = "", tier: str = "", region: str = "", part: int = 0) -> Response:
        self._desk.operator(request)
        found = studio_edges(self._rooms)
        path = "/studio/edges"
        chosen_places, choices = narrowed(found.places, {"state": state, "tier": tier, "region": region}, path)
        chosen = next((choice.address for choice in choices if choice.chosen), path)
        return self._desk.page(
            request,
            "edges",
            "Edges",
            part,
            edges=found,
            shown=chosen_places,
            choices=choices,
            address=f"{chosen}{'&' if '?' in chosen else '?'}part=1",
            whole=parts(summed(chosen_places)),
            concerns=[(place, sentence) for place in found.places for sentence in place.concerns],
            edges_on_map=found.places,
        )

    def edge(self, request: Request, edge_id: str, part: int = 0) -> Response:
        self._desk.operator(request)
        page = edge_page(self._rooms, edge_id)
        return self._desk.page(request, "edge", edge_id, part, page=page, address=f"/studio/edges/{edge_id}")

    def join(self, request: Request, edge: str = "") -> Response:
        self._desk.operator(request)
        regions = [region.name for region in self._rooms.topology.regions]
        waiting = sorted(
            {*self._rooms.network.oversight.enrolled()} - {known.id for known in self._rooms.edges.edges()}
        )
        return self._desk.page(
            request, "join", "Add an edge", under="/studio/edges", edge_id=edge, regions=regions, waiting=waiting
        )

    def purges(self, request: Request, title: str = "", revoked: str = "") -> Response:
        self._desk.operator(request)
        rooms = self._rooms
        return self._desk.page(
            request,
            "purges",
            "Purges",
            titles=sorted(rooms.catalogue.titles(), key=lambda entry: entry.name.casefold()),
            chosen=title,
            revoked=shown(revoked),
            purges=purge_lines(rooms.network.oversight.purges(), rooms.edges.edges()),
        )

    def keys(self, request: Request) -> Response:
        self._desk.operator(request)
        places = studio_edges(self._rooms).places
        newest = self._rooms.network.oversight.newest()
        heard = [place for place in places if place.edge.state != "silent"]
        behind = [place for place in heard if place.edge.report.keys_version != newest.keys_version]
        return self._desk.page(
            request, "keys", "Keys", keys=self._rooms.network.oversight.keys(), heard=heard, behind=behind
        )

    def audit(self, request: Request, subject: str = "", before: int | None = None) -> Response:
        self._desk.operator(request)
        acts = self._rooms.network.audit.acts(before, _ACTS, subject or None)
        older = request.url.include_query_params(before=acts[-1].sequence) if len(acts) == _ACTS else None
        return self._desk.page(
            request,
            "audit",
            "Audit",
            acts=act_lines(self._rooms, acts),
            subject=subject,
            older=older and f"{older.path}?{older.query}",
        )


class _Deeds:
    """What is done; each is noted in the audit with who did it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rooms = desk.rooms

    def order(
        self,
        request: Request,
        edge_id: str,
        draining: Annotated[int | None, Form()] = None,
        down: Annotated[int | None, Form()] = None,
        egress_limit_bps: Annotated[int | None, Form(ge=0)] = None,
        egress_limit_mbps: Annotated[int | None, Form(ge=1, le=10_000_000)] = None,
        back: _Text = "",
    ) -> Response:
        by = self._desk.operator(request).member.id
        changes: dict[str, Any] = {}
        if egress_limit_mbps is not None:
            changes["egress_limit_bps"] = egress_limit_mbps * _MEGA
        elif egress_limit_bps is not None:
            changes["egress_limit_bps"] = egress_limit_bps or None
        self._rooms.edges.order(edge_id, draining=_flag(draining), down=_flag(down), by=by, **changes)
        return back_to(back, f"/studio/edges/{edge_id}")

    def revoke_edge(self, request: Request, edge_id: str) -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.network.enrolment.revoke(edge_id, by)
        # It knows the keys that it was given.
        self._rooms.network.keys.rotate(by)
        return back_to(None, f"/studio/edges/{edge_id}")

    def join(
        self,
        request: Request,
        edge_id: _Text,
        site: _Text = "",
        region: _Text = "",
        host: _Text = "",
        tier: _Text = "edge",
    ) -> Response:
        by = self._desk.operator(request).member.id
        # They stand in commands that somebody is going to paste as root.
        for what, text in (("site", site), ("host name", host), ("tier", tier)):
            if not _PLAIN.fullmatch(text.strip()):
                raise Invalid(f"The {what} is not of letters, digits, dots, dashes, colons and underscores.")
        made = self._rooms.network.enrolment.make_token(edge_id.strip(), by)
        where = next((one for one in self._rooms.topology.regions if one.name == region), None)
        answer = self._desk.page(
            request,
            "joined",
            f"Add {made.edge_id}",
            under="/studio/edges",
            made=made,
            site=site.strip(),
            region=where,
            host=host.strip(),
            tier=tier,
            control=f"{request.url.scheme}://{request.url.netloc if _PLAIN.fullmatch(request.url.netloc) else ''}",
        )
        answer.headers.update(_SECRET)
        return answer

    def purge(self, request: Request, title_id: _Text = "", prefix: _Text = "") -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.network.purges.purge(f"{title_id}/" if title_id else prefix.strip(), by)
        return back_to(None, "/studio/purges#past")

    def revoke_playback(self, request: Request, playback_id: _Text) -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.playbacks.revoke(playback_id.strip(), by=by)
        return back_to(f"/studio/purges?{urlencode({'revoked': playback_id.strip()})}#revocations", "/studio/purges")

    def rotate(self, request: Request, at_once: Annotated[bool, Form()] = False) -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.network.keys.rotate(by, at_once=at_once)
        return back_to(None, "/studio/keys")


def _flag(given: int | None) -> bool | None:
    return None if given is None else bool(given)
