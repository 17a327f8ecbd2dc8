"""What the episodes of a season share: the intro and the credits by their sound, the recap by its pictures. Pure.

Each episode is compared with a few neighbours, and they vote. Nothing is said where nothing is shared: a wrong span
takes something from viewers, and a missing one only a button.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from matinee.spans.alignment import Run, shared_runs
from matinee.spans.pictures import RATE, Hashes, Shot, repeated_shots
from matinee.spans.span import Extent, SpanKind, overlap
from matinee.spans.words import Words, seconds_of, word_at

NEIGHBOURS = 8
"""So many episodes an episode is compared with, the nearest of its season."""

# An intro lies in the first part of an episode, and not beyond so many seconds; credits in the last.
_INTRO_SHARE, _INTRO_SECONDS = 0.45, 1_200.0
_LONGEST_INTRO = 150.0
_CREDITS_SHARE, _CREDITS_SECONDS = 0.7, 900.0
_AFTER_CREDITS = 60.0  # a glance at the next episode, a company's picture
_AT_END = 3.0  # credits that end so near the end last until it
_LEAST_VOTES = 1 / 3  # of the neighbours
_SAME_EDGE = 4.0
_RECAP_SECONDS = 240.0
_LONGEST_RECAP = 180.0
_LEAST_RECAP = 10.0
_LEAST_SHOTS = 3
_RECAP_COVERED = 0.6
_RECAP_GAP = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What an episode is known by: its sound in words, its pictures in hashes, its length."""

    duration_seconds: float
    words: Words
    hashes: Hashes


@dataclass(frozen=True, slots=True)
class _Vote:
    """What one neighbour shares, in seconds of the episode that is asked about."""

    neighbour: int
    start: float
    end: float
    wrong: float


def neighbours(place: int, episodes: int) -> tuple[int, ...]:
    """The places of the episodes that one is compared with, the nearest first; of two as near, the one before."""
    others = sorted((other for other in range(episodes) if other != place), key=lambda one: (abs(one - place), one))
    return tuple(others[:NEIGHBOURS])


def spans_of(episode: Fingerprint, others: Sequence[Fingerprint], previous: Fingerprint | None) -> tuple[Extent, ...]:
    """The spans of an episode, by what it shares with others and, for the recap, with the one before it."""
    found: list[Extent] = []
    heads = [_votes(episode, other, number, head=True) for number, other in enumerate(others)]
    tails = [_votes(episode, other, number, head=False) for number, other in enumerate(others)]
    if intro := _elected([vote for some in heads for vote in some], len(others), SpanKind.INTRO):
        found.append(intro)
    if credits_ := _credits(episode, [vote for some in tails for vote in some], len(others)):
        found.append(credits_)
    if previous is not None and (recap := _recap(episode, previous, found)):
        found.append(recap)
    return tuple(sorted(found, key=lambda one: one.start_seconds))


def _votes(episode: Fingerprint, other: Fingerprint, number: int, *, head: bool) -> list[_Vote]:
    """What of the right length both have in their first parts, or in their last."""
    (here, first), (there, _) = _part(episode, head=head), _part(other, head=head)
    longest = _LONGEST_INTRO if head else _CREDITS_SECONDS
    votes = [_vote(run, first, number) for run in shared_runs(here, there)]
    return [vote for vote in votes if vote.end - vote.start <= longest]


def _vote(run: Run, first: int, number: int) -> _Vote:
    start, end = seconds_of(first + run.first), seconds_of(first + run.end)
    return _Vote(number, start, end, run.wrong)


def _part(one: Fingerprint, *, head: bool) -> tuple[Words, int]:
    """The words of an episode's first or last part, and the number of the first of them."""
    length = one.duration_seconds
    if head:
        return one.words[: word_at(min(length * _INTRO_SHARE, _INTRO_SECONDS)) + 1], 0
    first = word_at(max(length * _CREDITS_SHARE, length - _CREDITS_SECONDS))
    return one.words[first:], first


def _elected(votes: Sequence[_Vote], voters: int, kind: SpanKind) -> Extent | None:
    """The span for which most neighbours vote; of as many, the longest."""
    best: tuple[int, float, list[_Vote]] = (0, 0.0, [])
    for vote in votes:
        same = {
            one.neighbour: one
            for one in votes
            if abs(one.start - vote.start) <= _SAME_EDGE and abs(one.end - vote.end) <= _SAME_EDGE
        }
        if (len(same), vote.end - vote.start) > best[:2]:
            best = (len(same), vote.end - vote.start, list(same.values()))
    agreeing = best[2]
    if not agreeing or len(agreeing) < voters * _LEAST_VOTES:
        return None
    start, end = median(vote.start for vote in agreeing), median(vote.end for vote in agreeing)
    wrong = float(np.mean([vote.wrong for vote in agreeing]))
    return Extent(kind, round(max(start, 0.0), 3), round(end, 3), _confidence(len(agreeing), voters, wrong))


def _confidence(agreeing: int, voters: int, wrong: float) -> float:
    """How sure: by the rule of succession, and by how well the sound agrees. One neighbour alone leaves doubt."""
    return round((agreeing + 1) / (voters + 2) * (1 - wrong), 3)


def _credits(episode: Fingerprint, votes: Sequence[_Vote], voters: int) -> Extent | None:
    length = episode.duration_seconds
    elected = _elected([vote for vote in votes if length - vote.end <= _AFTER_CREDITS], voters, SpanKind.CREDITS)
    if elected is None:
        return None
    end = length if length - elected.end_seconds <= _AT_END else elected.end_seconds
    return Extent(elected.kind, elected.start_seconds, round(end, 3), elected.confidence)


def _recap(episode: Fingerprint, previous: Fingerprint, others: Sequence[Extent]) -> Extent | None:
    """Shots of the episode before, one after another near the beginning, from several places of it."""
    head = episode.hashes[: round(min(_RECAP_SECONDS, episode.duration_seconds * _INTRO_SHARE) * RATE)]
    shots = [shot for shot in repeated_shots(_without(head, others), previous.hashes) if not _is_in(shot, others)]
    best: list[Shot] = []
    row: list[Shot] = []
    for shot in shots:
        if row and (shot.first - row[-1].end) / RATE > _RECAP_GAP:
            row = []
        row.append(shot)
        best = max(best, list(row), key=lambda some: some[-1].end - some[0].first if some else 0)
    if len({shot.distance for shot in best}) < _LEAST_SHOTS:
        return None
    start, end = best[0].first / RATE, best[-1].end / RATE
    covered = sum(shot.end - shot.first for shot in best) / RATE / (end - start)
    if not _LEAST_RECAP <= end - start <= _LONGEST_RECAP or covered < _RECAP_COVERED:
        return None
    extent = Extent(SpanKind.RECAP, start, end, round(covered * (1 - 1 / (len(best) + 1)), 3))
    return None if any(overlap(extent, other) for other in others) else extent


def _without(hashes: Hashes, others: Sequence[Extent]) -> Hashes:
    """The hashes with nothing where an intro is, which every episode has."""
    rest = hashes.copy()
    for other in others:
        rest[round(other.start_seconds * RATE) : round(other.end_seconds * RATE)] = 0
    return rest


def _is_in(shot: Shot, others: Sequence[Extent]) -> bool:
    extent = Extent(SpanKind.RECAP, shot.first / RATE, shot.end / RATE)
    return any(overlap(extent, other) for other in others)


def found_in(
    season: Mapping[str, Fingerprint], order: Sequence[str], wanted: Sequence[str]
) -> dict[str, tuple[Extent, ...]]:
    """The spans of the wanted episodes by id; ``order`` is the season's."""
    places = {episode: place for place, episode in enumerate(order)}
    told = {}
    for episode in wanted:
        place = places[episode]
        others = [season[order[other]] for other in neighbours(place, len(order))]
        told[episode] = spans_of(season[episode], others, season[order[place - 1]] if place else None)
    return told
