"""Experiments over HTTP: operators' drafts, starts, stops and verdicts; a profile's own arms."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from matinee.accounts.members import Household, Member
from matinee.api.authentication import household, operator
from matinee.experiments.experiments import Report
from matinee.experiments.lifecycle import Arm, Draft, Experiment, Metric, Source
from matinee.experiments.verdict import Comparison, Point
from matinee.pages.experiments import experiment_lines, settable

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 512 * 1024
_MOST_PROFILES = 10_000


class ArmBody(BaseModel):
    """What one part of the profiles gets; the first arm is the control. Weights are relative."""

    name: Annotated[str, Field(max_length=40)]
    parameters: Annotated[dict[str, str], Field(max_length=20)] = {}
    weight: float = 1.0


class DraftBody(BaseModel):
    """What is asked for. ``share`` of the layer's profiles, each measured for ``window_seconds`` once exposed."""

    name: Annotated[str, Field(max_length=120)]
    layer: Annotated[str, Field(max_length=40)] = "home"
    arms: Annotated[list[ArmBody], Field(max_length=8)]
    share: float = 1.0
    metric: Literal["watched_seconds", "starts"] = "watched_seconds"
    window_seconds: float = 7 * 86_400.0


class AudienceBody(BaseModel):
    """Profiles that are nobody's."""

    profile_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=_MOST_PROFILES)]


def routes(rooms: "Rooms") -> APIRouter:
    """Under /studio for operators; /profiles/{id}/experiments for whose profile it is."""
    router = APIRouter(max_body_size=_MOST_BYTES)
    router.include_router(_studio(rooms))
    Home = Annotated[Household, Depends(household(rooms))]  # noqa: N806 - a type, made of this service's rooms

    @router.get("/profiles/{profile_id}/experiments", tags=["profiles"])
    def mine(profile_id: str, home: Home) -> dict[str, Any]:
        """The profile's arms in running experiments, and what they set, for players and pages that decide by them."""
        profile = home.open(profile_id)
        arms = rooms.experiments.expose(profile.id)
        return {
            "experiments": [
                {"id": key, "arm": arm.name, "parameters": dict(arm.parameters)} for key, arm in arms.items()
            ]
        }

    return router


def _studio(rooms: "Rooms") -> APIRouter:
    allowed = operator(rooms)
    router = APIRouter(prefix="/studio/experiments", tags=["studio"], dependencies=[Depends(allowed)])
    Operator = Annotated[Member, Depends(allowed)]  # noqa: N806 - a type, made of this service's rooms
    experiments = rooms.experiments

    @router.get("")
    def everything() -> dict[str, Any]:
        """Every experiment, with how many profiles were exposed."""
        return {
            "experiments": [_experiment(line.experiment) | {"profiles": line.sizes} for line in experiment_lines(rooms)]
        }

    @router.post("", status_code=201)
    def create(body: DraftBody, member: Operator) -> dict[str, Any]:
        """Keep a draft; it does nothing until it is started."""
        arms = settable(tuple(Arm(arm.name, arm.parameters, arm.weight) for arm in body.arms))
        draft = Draft(body.name, body.layer, arms, body.share, Metric(body.metric), body.window_seconds)
        return _experiment(experiments.create(draft, member.id))

    @router.post("/audience", status_code=202)
    def audience(body: AudienceBody, member: Operator) -> dict[str, int]:
        """Say that profiles are generated: what they do is told apart in every verdict."""
        experiments.mark_generated(body.profile_ids, member.id)
        return {"profiles": len(set(body.profile_ids))}

    @router.get("/{experiment_id}")
    def one(experiment_id: str, source: Literal["members", "generated"] | None = None) -> dict[str, Any]:
        """An experiment with its verdict over one source: that with most profiles, where none is asked for."""
        return _report(experiments.report(experiment_id, Source(source) if source else None))

    @router.post("/{experiment_id}/start")
    def start(experiment_id: str, member: Operator) -> dict[str, Any]:
        """Let it run; 409 if its layer has no room."""
        return _experiment(experiments.start(experiment_id, member.id))

    @router.post("/{experiment_id}/stop")
    def stop(experiment_id: str, member: Operator) -> dict[str, Any]:
        """End it for good."""
        return _experiment(experiments.stop(experiment_id, member.id))

    return router


def _experiment(found: Experiment) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "layer": found.layer,
        "arms": [{"name": arm.name, "parameters": dict(arm.parameters), "weight": arm.weight} for arm in found.arms],
        "share": found.share,
        "metric": str(found.metric),
        "window_seconds": found.window_seconds,
        "state": str(found.state),
        "created_at": found.created_at.isoformat(),
        "started_at": found.started_at and found.started_at.isoformat(),
        "stopped_at": found.stopped_at and found.stopped_at.isoformat(),
    }


def _report(report: Report) -> dict[str, Any]:
    told = report.verdict
    return _experiment(report.experiment) | {
        "source": str(report.source),
        "profiles": report.sizes,
        "gathered_at": report.gathered_at and report.gathered_at.isoformat(),
        "exposed": told.exposed,
        "measured": told.measured,
        "mismatch": told.mismatch,
        "sound": told.sound,
        "alpha": told.alpha,
        "comparisons": [_comparison(found) for found in told.comparisons],
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "arm": found.arm,
        "finding": str(found.finding),
        "control_mean": found.control_mean,
        "treated_mean": found.treated_mean,
        "lift": found.lift,
        "explained": found.explained,
        "points": [_point(point) for point in found.points],
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "profiles": point.count,
        "time": point.time.isoformat(),
        "difference": point.difference,
        "low": point.low,
        "high": point.high,
    }
