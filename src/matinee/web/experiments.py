"""The studio's pages of experiments: the list, a new one, and one with its verdict; starts and stops."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.experiments.lifecycle import Draft, Metric, Source
from matinee.model.errors import Invalid
from matinee.pages.experiments import experiment_lines, experiment_page, read_arms, settable, signed, span, times
from matinee.web.desk import Desk, back_to
from matinee.web.rendering import Rendering

_PATH = "/studio/experiments"
_Text = Annotated[str, Form(max_length=400)]
_UNITS = {"minutes": 60.0, "hours": 3600.0, "days": 86_400.0}


def add_routes(router: APIRouter, desk: Desk, rendering: Rendering) -> None:
    """Put the pages of experiments among the studio's; every one needs an operator."""
    rendering.add_filters(signed=signed, span=span)
    pages = _Pages(desk)
    router.add_api_route("/experiments", pages.all, methods=["GET"])
    router.add_api_route("/experiments/new", pages.new, methods=["GET"])
    router.add_api_route("/experiments/{experiment_id}", pages.one, methods=["GET"])
    router.add_api_route("/experiments", pages.create, methods=["POST"])
    router.add_api_route("/experiments/{experiment_id}/start", pages.start, methods=["POST"])
    router.add_api_route("/experiments/{experiment_id}/stop", pages.stop, methods=["POST"])


class _Pages:
    """What is looked at, and what is done; deeds are noted in the audit with who did them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rooms = desk.rooms

    def all(self, request: Request) -> Response:
        self._desk.operator(request)
        return self._desk.page(request, "experiments", "Experiments", lines=experiment_lines(self._rooms))

    def new(self, request: Request) -> Response:
        self._desk.operator(request)
        return self._desk.page(request, "experiment_new", "New experiment", metrics=tuple(Metric), units=tuple(_UNITS))

    def one(self, request: Request, experiment_id: str, source: str = "") -> Response:
        self._desk.operator(request)
        chosen = next((one for one in Source if one == source), None)
        page = experiment_page(self._rooms, experiment_id, chosen)
        return self._desk.page(request, "experiment", page.experiment.name, page=page, times=times(page.experiment))

    def create(
        self,
        request: Request,
        name: _Text,
        layer: _Text,
        arms: Annotated[str, Form(max_length=4000)],
        share: Annotated[float, Form()] = 100.0,
        metric: _Text = "watched_seconds",
        window: Annotated[float, Form()] = 7.0,
        unit: _Text = "days",
    ) -> Response:
        by = self._desk.operator(request).member.id
        if metric not in set(Metric) or unit not in _UNITS:
            raise Invalid("The metric or the window's unit is none that there is.")
        draft = Draft(
            name=name.strip(),
            layer=layer.strip(),
            arms=settable(read_arms(arms)),
            share=share / 100,
            metric=Metric(metric),
            window_seconds=window * _UNITS[unit],
        )
        return back_to(f"{_PATH}/{self._rooms.experiments.create(draft, by).id}", _PATH)

    def start(self, request: Request, experiment_id: str) -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.experiments.start(experiment_id, by)
        return back_to(f"{_PATH}/{experiment_id}", _PATH)

    def stop(self, request: Request, experiment_id: str) -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.experiments.stop(experiment_id, by)
        return back_to(f"{_PATH}/{experiment_id}", _PATH)
