r"""By which of its pictures a title is shown to a profile: a contextual bandit over what came of them. Pure.

Every picture of a title is an arm with weights of its own (``experiments.bandit``, Thompson). The context is small:
the genres that the profile liked of late, in halves, whether that is for adults, and whether anything is known at all.
So few contexts stand for all profiles, and a title's probabilities are worked out once for each of them.

Chance is a hash of profile, title and day: the same question has the same answer in every copy, and another only once
the probabilities have moved. Who is looking keeps the picture that the log says was seen, with its propensity.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from matinee.catalogue.titles import Title
from matinee.experiments.bandit import Bandit
from matinee.experiments.offpolicy import Log
from matinee.taste.artwork import Artworks, Key, Outcome
from matinee.taste.weights import genre_mix

LEARNING_SECONDS = 1.0
"""What came of pictures is taken up so often at most: a page must not wait for each impression of another."""

_BUCKETS = 12
_SIZE = 3 + _BUCKETS
_ADULT = 16
_DAY_SECONDS = 86_400
_NOISE = 0.3
_FLOOR = 0.08
_CONTEXTS_KEPT = 64
# Enough to divide by, and few enough different ones for cards to be kept as they were made.
_DIGITS = 6

_NOT_KNOWN: tuple[str | None, Sequence[float]] = (None, ())

Features = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a title by its number in ``Presentation.every_picture``, and how likely it was."""

    artwork: str
    number: int
    propensity: float


@dataclass(frozen=True, slots=True)
class _Row:
    arm: str
    features: Features
    reward: float


class Gallery:
    """What a process learned of pictures, and the choices it makes of it. Not safe to share without a lock."""

    def __init__(self) -> None:
        self._bandit = Bandit(_SIZE, noise=_NOISE, floor=_FLOOR)
        self._of: Artworks | None = None
        self._told = 0
        self._learned_at = float("-inf")
        self._rows: dict[Key, _Row] = {}
        # What was never shown is any of its pictures alike.
        self._tried: set[str] = set()
        # By context and title, the probabilities of a revision's pictures, worked out since the title last changed.
        self._known: dict[Features, dict[str, tuple[str | None, Sequence[float]]]] = {}

    def learn(self, artworks: Artworks, titles: Mapping[str, Title], at: float) -> None:
        """Take up what changed, unless that was done within this second (``at`` in seconds since 1970)."""
        if artworks is self._of and 0 <= at - self._learned_at < LEARNING_SECONDS:
            return
        changes, told = artworks.changes(self._told) if artworks is self._of else (None, artworks.changes(0)[1])
        if changes is None:
            self._bandit = Bandit(_SIZE, noise=_NOISE, floor=_FLOOR)
            self._rows, self._tried, self._known = {}, set(), {}
            changes = [one.key for one in artworks.outcomes()]
        self._of, self._told, self._learned_at = artworks, told, at
        for key in dict.fromkeys(changes):
            self._change(key, artworks, titles)

    def choose(self, profile_id: str, titles: Iterable[Title], features: Features, at: float) -> dict[str, Shown]:
        """The pictures of some titles for a profile, by title id; none for a title that has but one."""
        if self._of is None:
            return {}
        looking, shown, left = self._of.looking(profile_id, at), dict[str, Shown](), list[Title]()
        for title in titles:
            if title.presentation is None or not title.presentation.pictures:
                continue
            seen = looking.get(title.id) if looking else None
            if seen is not None and (kept := _number(title, seen.artwork)) is not None:
                shown[title.id] = Shown(seen.artwork, kept, seen.propensity)
            else:
                left.append(title)
        draw = chances(profile_id, at)
        for title, shares in zip(left, self.probabilities(left, features), strict=True):
            number = _upto(shares, draw(title.id))
            shown[title.id] = Shown(artwork_name(title, number), number, round(shares[number], _DIGITS))
        return shown

    def probabilities(self, titles: Sequence[Title], features: Features) -> list[Sequence[float]]:
        """How likely each of some titles' pictures is in a context; together 1."""
        known, tried, found = self._known.get(features, {}), self._tried, list[Sequence[float]]()
        left: dict[int, list[int]] = {}
        for place, title in enumerate(titles):
            count = 1 if title.presentation is None else len(title.presentation.pictures) + 1
            if title.id not in tried:
                found.append(_even(count))
                continue
            revision, shares = known.get(title.id, _NOT_KNOWN)
            found.append(shares)
            if revision != title.revision or len(shares) != count:
                left.setdefault(count, []).append(place)
        # As many at once as have as many pictures.
        for count, places in left.items():
            asked = [titles[place] for place in places]
            arms = [[_arm(title.id, artwork_name(title, number)) for number in range(count)] for title in asked]
            worked_out = self._bandit.probabilities_of(np.array(features), arms).tolist()
            for place, title, shares in zip(places, asked, worked_out, strict=True):
                found[place] = shares
                self._keep(features, title, shares)
        return found

    def _keep(self, features: Features, title: Title, shares: Sequence[float]) -> None:
        if features not in self._known and len(self._known) >= _CONTEXTS_KEPT:
            del self._known[next(iter(self._known))]
        self._known.setdefault(features, {})[title.id] = (title.revision, shares)

    def _change(self, key: Key, artworks: Artworks, titles: Mapping[str, Title]) -> None:
        _, title_id, artwork = key
        old, outcome, title = self._rows.get(key), artworks.of(key), titles.get(title_id)
        if (None if old is None else old.reward) == (None if outcome is None else outcome.reward):
            return
        if old is not None:
            del self._rows[key]
            self._bandit.update(np.array(old.features), old.arm, old.reward, -1.0)
        # A name that no picture has is somebody's invention, or an earlier revision's.
        if outcome is not None and title is not None and _number(title, artwork) is not None:
            features = old.features if old is not None else features_of(outcome.likes, titles)
            new = self._rows[key] = _Row(_arm(title_id, artwork), features, outcome.reward)
            self._bandit.update(np.array(features), new.arm, new.reward)
        if old is not None or key in self._rows:
            self._tried.add(title_id)
            for known in self._known.values():
                known.pop(title_id, None)


def logged(artworks: Artworks, wanted: Callable[[Outcome], float]) -> Log:
    """What came of the pictures that were drawn, for ``experiments.offpolicy`` to say what another policy had earned.

    ``wanted`` is how likely that policy shows the outcome's picture. Invalid where nothing is logged.
    """
    kept = list(artworks.outcomes())
    return Log(
        rewards=np.array([one.reward for one in kept]),
        propensities=np.array([one.propensity for one in kept]),
        wanted=np.array([wanted(one) for one in kept]),
    )


def features_of(likes: Sequence[str], titles: Mapping[str, Title]) -> Features:
    """What is known of a profile that likes these titles: a constant, whether it is new, for adults, and its genres."""
    known = [titles[title_id] for title_id in likes if title_id in titles]
    mix = genre_mix(
        [(title.id, 1.0) for title in known],
        {title.id: [name.casefold() for name in title.genres] for title in known},
    )
    buckets = [0.0] * _BUCKETS
    for genre, share in mix.items():
        buckets[zlib.crc32(genre.encode()) % _BUCKETS] += share
    adult = any(title.maturity >= _ADULT for title in known)
    return (1.0, float(not known), float(adult), *(round(2 * share) / 2 for share in buckets))


def artwork_name(title: Title, number: int) -> str:
    """The name of a title's picture in the log: those of another revision are others."""
    return f"{title.revision}/{number}"


def chance(profile_id: str, subject: str, at: float) -> float:
    """A number from 0 to 1 that is the same all day, and has nothing to do with that of another profile or subject."""
    return chances(profile_id, at)(subject)


def chances(profile_id: str, at: float) -> Callable[[str], float]:
    """``chance`` of one profile on one day, for many subjects."""
    before, after = f"{profile_id}\n", f"\n{at // _DAY_SECONDS:.0f}"

    def drawn(subject: str) -> float:
        digest = blake2b((before + subject + after).encode(), digest_size=7).digest()
        return int.from_bytes(digest, "big") / 2.0**56

    return drawn


def _upto(shares: Sequence[float], drawn: float) -> int:
    """Which of some likelihoods, put one after the other, a number from 0 to 1 falls upon."""
    reached = 0.0
    for place, share in enumerate(shares):
        reached += share
        if drawn < reached:
            return place
    return len(shares) - 1


@lru_cache(64)
def _even(count: int) -> Sequence[float]:
    return [1 / count] * count


def _arm(title_id: str, artwork: str) -> str:
    return f"{title_id}/{artwork}"


def _number(title: Title, artwork: str) -> int | None:
    revision, _, number = artwork.rpartition("/")
    if title.presentation is None or revision != title.revision or not number.isascii() or not number.isdigit():
        return None
    return int(number) if len(number) == 1 and int(number) <= len(title.presentation.pictures) else None
