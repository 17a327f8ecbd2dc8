"""What was done to edges, as lines for operators: who, what, to what, and where to look."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matinee.delivery.audit import Act
from matinee.model.plans import HOP_PREFIX
from matinee.pages.edges import shown
from matinee.pages.rooms import Rooms

# RFC 3339 in UTC, as details hold times.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
_OF_EDGES = frozenset({"order", "join-token", "enrolled", "revoke-edge"})
_OF_EXPERIMENTS = frozenset({"create-experiment", "start-experiment", "stop-experiment"})
_OF_TITLES = frozenset({"pin", "unpin"})
_OF_SPANS = frozenset({"add-span", "change-span", "remove-span", "reset-spans"})


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act. ``address`` leads to its subject; None where there is nothing to see."""

    sequence: int
    time: datetime
    who: str
    act: str
    subject: str
    more: str
    address: str | None


def act_lines(rooms: Rooms, acts: Sequence[Act]) -> tuple[ActLine, ...]:
    """Acts with their members' addresses, as far as there are such members."""
    members = {act.member_id for act in acts if not act.member_id.startswith(HOP_PREFIX)}
    names = rooms.accounts.emails(members)
    return tuple(act_line(act, names) for act in acts)


def act_line(act: Act, names: Mapping[str, str]) -> ActLine:
    """One act as a line; ``names`` gives members' addresses by id."""
    who = names.get(act.member_id, act.member_id)
    return ActLine(
        sequence=act.sequence,
        time=act.time,
        who=shown(who),
        act=shown(act.act.replace("-", " "), 40),
        subject=shown(act.subject),
        more=shown(", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in act.details.items())),
        address=_address(act),
    )


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return f"{value[:10]} {value[11:19]}"
    return "none" if value is None else str(value)


def _address(act: Act) -> str | None:
    if act.act in _OF_EDGES:
        return f"/studio/edges/{act.subject}"
    if act.act in _OF_EXPERIMENTS:
        return f"/studio/experiments/{act.subject}"
    if act.act in _OF_TITLES:
        return f"/studio/titles#{act.subject}"
    if act.act in _OF_SPANS:
        return f"/studio/titles/{act.subject}#spans"
    if act.act == "purge":
        return f"/studio/purges#purge-{act.details.get('sequence', '')}"
    return "/studio/keys" if act.act in {"rotate-keys", "replace-keys"} else None
