"""What a batch of accepted events leaves behind in this room: positions, playbacks heard of, samples. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matinee.model.events import Event, PlaybackFailed, PlaybackStopped
from matinee.playback import qoe
from matinee.playback.commitments import LISTENING
from matinee.playback.intake import position_of, sample_of_event


@dataclass(frozen=True, slots=True)
class Effects:
    """Rows to write. In one order everywhere, so that two transactions never wait for each other's rows."""

    positions: Sequence[Mapping[str, Any]]
    seen: Sequence[Mapping[str, Any]]
    samples: Sequence[Mapping[str, Any]]


def effects_of(events: Sequence[Event], owners: Mapping[str, Mapping[str, Any]], now: datetime) -> Effects:
    """The effects of events about the playbacks in ``owners``; events about others leave nothing."""
    positions: dict[tuple[str, str], Mapping[str, Any]] = {}
    seen: dict[str, Mapping[str, Any]] = {}
    samples: dict[str, Mapping[str, Any]] = {}
    # Events that name no edge happened at the one named last.
    at = {playback_id: owner["edge_id"] for playback_id, owner in owners.items()}
    for event in sorted(events, key=lambda one: one.time):
        sample = sample_of_event(event)
        if sample is None or sample.playback_id not in at:
            continue
        playback_id = sample.playback_id
        if (left := position_of(event)) is not None:
            positions[left["profile_id"], left["title_id"]] = left
        at[playback_id] = sample.edge_id or at[playback_id]
        samples[event.id] = sample_row(event.id, sample) | {"edge_id": at[playback_id]}
        if event.time > now - LISTENING:
            ended = isinstance(event.facts, (PlaybackStopped, PlaybackFailed))
            seen[playback_id] = {"id": playback_id, "seen": event.time, "edge": at[playback_id], "ended": ended}
    return Effects(
        positions=[positions[key] for key in sorted(positions)],
        seen=[seen[key] for key in sorted(seen)],
        samples=[samples[key] for key in sorted(samples)],
    )


def sample_row(sample_id: str, sample: qoe.Sample) -> dict[str, Any]:
    """A sample as its row."""
    # By hand: dataclasses.asdict copies deeply, which takes longer than all else here.
    return {"sample_id": sample_id, **{name: getattr(sample, name) for name in qoe.Sample.__slots__}}
