"""A generated audience: made-up members who sign up, look at home, and play, through the public HTTP API alone.

An operator's session marks its profiles as generated first, so that everything measured of them is labelled so. Each
profile then looks at its page and asks for its arm; what it watches follows from ``choices`` and the arm's lift.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from matinee.demo.choices import Chooser, Watched, choosers, shown_on
from matinee.model.errors import Invalid, Unavailable

Ask = Callable[[str, str, Any, dict[str, str]], httpx.Response]
"""Method, path under /api/v1, JSON body or None, headers."""

_PROFILES_AN_ACCOUNT = 15
_PASSWORD = "generated audience"  # noqa: S105 - of accounts that are nobody's
_TRIES = 8
_LONGEST_WAIT_SECONDS = 70.0
_TOO_MANY = 429
_CONFLICT = 409
_PAST_DAYS = 14


@dataclass(frozen=True, slots=True)
class Fed:
    """What the audience did: profiles by arm (none: it is in no arm), plays, seconds watched."""

    profiles: Mapping[str, int]
    plays: int
    watched_seconds: float


class Audience:
    """Feeds one experiment. ``lifts`` is the truth: the part by which an arm's watching exceeds that of lift 0."""

    def __init__(
        self,
        ask: Ask,
        operator_token: str,
        experiment_id: str,
        lifts: Mapping[str, float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ask_raw = ask
        self._operator = {"Authorization": f"Bearer {operator_token}"}
        self._experiment_id = experiment_id
        self._lifts = lifts
        self._now = now

    def feed(self, members: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Fed:
        """Have so many profiles look and play. The same seed again is the same people, who then are back once more."""
        arms: dict[str, int] = {}
        plays, seconds = 0, 0.0
        people = choosers(members, seed)
        for start in range(0, members, _PROFILES_AN_ACCOUNT):
            group = people[start : start + _PROFILES_AN_ACCOUNT]
            headers = self._account(f"{group[0].name}@generated.example")
            profiles = self._profiles(headers, group)
            self._ask("POST", "/studio/experiments/audience", {"profile_ids": list(profiles)}, self._operator)
            for profile_id, chooser in zip(profiles, group, strict=True):
                arm, watched = self._visit(headers, profile_id, chooser)
                arms[arm] = arms.get(arm, 0) + 1
                plays += len(watched)
                seconds += sum(one.seconds for one in watched)
            say(f"{start + len(group)} of {members} have looked and played")
        return Fed(arms, plays, seconds)

    def _account(self, email: str) -> dict[str, str]:
        credentials = {"email": email, "password": _PASSWORD}
        self._ask("POST", "/accounts", credentials, {}, also=_CONFLICT)
        token = self._ask("POST", "/sessions", credentials, {})["token"]
        return {"Authorization": f"Bearer {token}"}

    def _profiles(self, headers: dict[str, str], group: Sequence[Chooser]) -> list[str]:
        known = {entry["name"]: entry["id"] for entry in self._ask("GET", "/profiles", None, headers)["profiles"]}
        return [
            known.get(one.name) or self._ask("POST", "/profiles", {"name": one.name}, headers)["id"] for one in group
        ]

    def _visit(self, headers: dict[str, str], profile_id: str, chooser: Chooser) -> tuple[str, Sequence[Watched]]:
        page = shown_on(self._ask("GET", f"/profiles/{profile_id}/home", None, headers))
        mine = self._ask("GET", f"/profiles/{profile_id}/experiments", None, headers)["experiments"]
        arm = next((entry["arm"] for entry in mine if entry["id"] == self._experiment_id), "none")
        now = self._now()
        self._tell(headers, profile_id, chooser.past(page), lambda place: now - timedelta(days=1 + place % _PAST_DAYS))
        watched = chooser.plays(page, self._lifts.get(arm, 0.0))
        self._tell(headers, profile_id, watched, lambda _: self._now())
        return arm, watched

    def _tell(
        self,
        headers: dict[str, str],
        profile_id: str,
        watched: Sequence[Watched],
        when: Callable[[int], datetime],
    ) -> None:
        """Play, and tell of it: one press of play for each title, then each play's start and end."""
        playbacks: dict[str, str] = {}
        events: list[dict[str, Any]] = []
        for place, one in enumerate(watched):
            title_id = one.shown.title_id
            if title_id not in playbacks:
                body = {"profile_id": profile_id, "title_id": title_id, "device": {"kind": "generated"}}
                playbacks[title_id] = self._ask("POST", "/playbacks", body, headers)["playback_id"]
            events += _told(playbacks[title_id], one, place, when(place))
        if events:
            self._ask("POST", "/events", {"events": events}, headers)

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str], also: int | None = None) -> Any:
        """The answer's JSON; waits where the service says that it is too much. Unavailable with its sentence if not."""
        answer = self._ask_raw(method, path, body, headers)
        for tries in range(_TRIES):
            if answer.status_code != _TOO_MANY:
                break
            told = float(answer.headers.get("retry-after", 2**tries))
            time.sleep(min(told, _LONGEST_WAIT_SECONDS))
            answer = self._ask_raw(method, path, body, headers)
        if answer.is_success:
            return answer.json() if answer.content else None
        if answer.status_code == also:
            return None
        raise Unavailable(f"The service answered {method} {path} with {answer.status_code}: {answer.text[:200]}")


def _told(playback_id: str, one: Watched, place: int, at: datetime) -> list[dict[str, Any]]:
    """A play's start and end as events; their ids are the play's, so that telling them again is harmless."""
    facts = {"playback_id": playback_id, "profile_id": "", "title_id": one.shown.title_id}
    return [
        {"id": f"{playback_id}-{place}-started", "type": "playback.started", "time": at.isoformat(), **facts},
        {
            "id": f"{playback_id}-{place}-stopped",
            "type": "playback.stopped",
            "time": (at + timedelta(milliseconds=1)).isoformat(),
            **facts,
            "position_seconds": one.seconds,
            "watched_seconds": one.seconds,
            "ended": False,
        },
    ]


def feed_experiment(
    *,
    experiment: str,
    members: int,
    seed: int,
    lifts: Sequence[str],
    address: str,
    operator: str,
    password: str,
    say: Callable[[str], None],
) -> Fed:
    """Feed an experiment of a running service at an address, as its operator; ``lifts`` are ``ARM=PART``.

    Unavailable if it does not answer, Invalid for a lift that is none.
    """
    truth = dict(map(read_lift, lifts))
    with httpx.Client(base_url=f"{address.rstrip('/')}/api/v1", timeout=30.0) as client:

        def ask(method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
            try:
                return client.request(method, path, json=body, headers=headers)
            except httpx.HTTPError as error:
                raise Unavailable(f"The service at {address} does not answer: {error}.") from error

        signed_in = ask("POST", "/sessions", {"email": operator, "password": password}, {})
        if not signed_in.is_success:
            raise Unavailable(f"{operator} cannot sign in at {address}: {signed_in.text[:200]}")
        return Audience(ask, signed_in.json()["token"], experiment, truth).feed(members, seed, say)


def read_lift(text: str) -> tuple[str, float]:
    """``fresh=0.5`` as an arm and its lift. Invalid if it is none."""
    name, _, part = text.partition("=")
    try:
        lift = float(part)
    except ValueError as error:
        raise Invalid(f"The lift {text!r:.60} is not of the form ARM=PART, as fresh=0.5.") from error
    if not -1 <= lift <= 10:  # noqa: PLR2004 - nobody watches less than nothing
        raise Invalid(f"The lift of {name!r:.40} is {lift:g}; it is from -1 to 10.")
    return name, lift
