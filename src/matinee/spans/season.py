"""What the episodes of a season share: the intro and the credits by their sound, the recap by its pictures. Pure.

Each episode is compared with a few neighbours, and they vote. Nothing is said where nothing is shared: a wrong span
takes something from viewers, and a missing one only a button.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from matinee.spans.alignment import Run, shared_runs
from matinee.spans.pictures import RATE, Hashes, Shot, are_alike, repeated_shots
from matinee.spans.span import Extent, SpanKind, overlap
from matinee.spans.words import HOP_SECONDS, UNHEARD, Words, seconds_of, word_at

NEIGHBOURS = 8
"""So many episodes an episode is compared with, the nearest of its season."""

# An intro begins in the first part of an episode, and not beyond so many seconds; credits in the last.
_INTRO_SHARE, _INTRO_SECONDS = 0.45, 1_200.0
_LONGEST_INTRO = 150.0
_CREDITS_SHARE, _CREDITS_SECONDS = 0.7, 900.0
_BEFORE_CREDITS = 15.0  # looked at as well, so that what began earlier is known to have
_AFTER_CREDITS, _AFTER_SHARE = 60.0, 0.2  # a glance at the next episode, a company's picture
_AT_END = 3.0  # credits that end so near the end last until it
_SAME_FILM = 0.6  # two that share so much are one episode twice, or another cut of it
# Of the neighbours, where pictures or the end of the episode say the same as the sound; where nothing does, a scene
# may lie over the same music, and twice as many are asked for. One of several says enough of a long piece alone.
_LEAST_VOTES, _LEAST_UNBACKED = 1 / 3, 2 / 3
_LONG_ENOUGH = 15.0
_SAME_EDGE, _EXACT_EDGE = 4.0, 1.0  # the exact one where nothing but sound speaks: pieces of one music end anywhere
_RECAP_SECONDS = 240.0
_LONGEST_RECAP = 180.0
_LEAST_RECAP = 10.0
_LEAST_SHOTS = 3
_RECAP_COVERED = 0.6
_RECAP_GAP = 6.0
_OTHER_PLACE = 2.0  # seconds; an opening at another speed drifts by less from shot to shot


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What an episode is known by: its sound in words, its pictures in hashes, its length."""

    duration_seconds: float
    words: Words
    hashes: Hashes


@dataclass(frozen=True, slots=True)
class _Vote:
    """What one neighbour shares, in seconds of the episode that is asked about.

    ``backed`` says whether the pictures are the same, or both end with it; None if there are none to compare.
    """

    neighbour: int
    start: float
    end: float
    wrong: float
    backed: bool | None


def neighbours(place: int, episodes: int) -> tuple[int, ...]:
    """The places of the episodes that one is compared with, the nearest first; of two as near, the one before."""
    others = sorted((other for other in range(episodes) if other != place), key=lambda one: (abs(one - place), one))
    return tuple(others[:NEIGHBOURS])


def spans_of(episode: Fingerprint, others: Sequence[Fingerprint], previous: Fingerprint | None) -> tuple[Extent, ...]:
    """The spans of an episode, by what it shares with others and, for the recap, with the one before it."""
    found: list[Extent] = []
    heads: list[_Vote] = []
    tails: list[_Vote] = []
    for number, other in enumerate(others):
        runs = shared_runs(_head(episode), _head(other))
        if not _is_same_film(episode, other, runs):
            heads += _intros(episode, other, number, runs)
            tails += _ends(episode, other, number)
    if intro := _elected(heads, len(others), SpanKind.INTRO):
        found.append(intro)
    if credits_ := _credits(episode, tails, len(others)):
        found.append(credits_)
    if previous is not None and (recap := _recap(episode, previous, found)):
        found.append(recap)
    return tuple(sorted(found, key=lambda one: one.start_seconds))


def _head(one: Fingerprint) -> Words:
    """The words in which an intro may lie: to the end of one that begins as late as it may."""
    return one.words[: word_at(_latest_intro(one) + _LONGEST_INTRO) + 1]


def _latest_intro(one: Fingerprint) -> float:
    return min(one.duration_seconds * _INTRO_SHARE, _INTRO_SECONDS)


def _earliest_credits(one: Fingerprint) -> float:
    return max(one.duration_seconds * _CREDITS_SHARE, one.duration_seconds - _CREDITS_SECONDS)


def _is_same_film(one: Fingerprint, other: Fingerprint, runs: Sequence[Run]) -> bool:
    """Whether what is said and sung in their first parts is mostly the same."""
    heard = min(int(np.count_nonzero(_head(some) != UNHEARD)) for some in (one, other))
    return sum(run.end - run.first for run in runs) > _SAME_FILM * heard


def _intros(episode: Fingerprint, other: Fingerprint, number: int, runs: Sequence[Run]) -> list[_Vote]:
    """Runs of the right length that begin early enough in both."""
    votes = []
    for run in runs:
        start, end = seconds_of(run.first), seconds_of(run.end)
        there = start + run.distance * HOP_SECONDS
        if end - start <= _LONGEST_INTRO and start <= _latest_intro(episode) and there <= _latest_intro(other):
            votes.append(_Vote(number, start, end, run.wrong, _looks_alike(episode, other, start, end, there)))
    return votes


def _ends(episode: Fingerprint, other: Fingerprint, number: int) -> list[_Vote]:
    """Runs that begin late enough in both, and end near the end."""
    firsts = [word_at(max(_earliest_credits(one) - _BEFORE_CREDITS, 0.0)) for one in (episode, other)]
    votes = []
    for run in shared_runs(episode.words[firsts[0] :], other.words[firsts[1] :]):
        start, end = seconds_of(firsts[0] + run.first), seconds_of(firsts[0] + run.end)
        there = seconds_of(firsts[1] + run.first + run.distance)
        rests = [(episode, episode.duration_seconds - end), (other, other.duration_seconds - there - end + start)]
        if start < _earliest_credits(episode) or there < _earliest_credits(other):
            continue
        if any(rest > min(_AFTER_CREDITS, one.duration_seconds * _AFTER_SHARE) for one, rest in rests):
            continue
        at_end = all(rest <= _AT_END for _, rest in rests)
        votes.append(_Vote(number, start, end, run.wrong, at_end or _looks_alike(episode, other, start, end, there)))
    return votes


def _looks_alike(episode: Fingerprint, other: Fingerprint, start: float, end: float, there: float) -> bool | None:
    """Whether what is shown from ``start`` to ``end`` is what the other shows from ``there`` on."""
    seen = episode.hashes[round(start * RATE) : round(end * RATE)]
    return are_alike(seen, other.hashes, round(there * RATE))


def _elected(votes: Sequence[_Vote], voters: int, kind: SpanKind) -> Extent | None:
    """The span for which most neighbours vote; of as many, the longest."""
    best: tuple[int, float, list[_Vote]] = (0, 0.0, [])
    for vote in votes:
        same = {
            one.neighbour: one
            for one in votes
            if abs(one.start - vote.start) <= _SAME_EDGE and abs(one.end - vote.end) <= _SAME_EDGE
        }
        if (len(same), vote.end - vote.start) > best[:2] and _is_enough(list(same.values()), voters):
            best = (len(same), vote.end - vote.start, list(same.values()))
    agreeing = best[2]
    if not agreeing:
        return None
    start, end = median(vote.start for vote in agreeing), median(vote.end for vote in agreeing)
    wrong = float(np.mean([vote.wrong for vote in agreeing]))
    return Extent(kind, round(max(start, 0.0), 3), round(end, 3), _confidence(len(agreeing), voters, wrong))


def _is_enough(agreeing: Sequence[_Vote], voters: int) -> bool:
    """Whether so many of the neighbours make a span."""
    if voters == 1:
        return agreeing[0].backed is not False
    if sum(vote.backed is True for vote in agreeing) < len(agreeing) / 2:
        start, end = median(vote.start for vote in agreeing), median(vote.end for vote in agreeing)
        exact = [max(abs(vote.start - start), abs(vote.end - end)) <= _EXACT_EDGE for vote in agreeing]
        return sum(exact) >= max(2.0, voters * _LEAST_UNBACKED)
    if len(agreeing) == 1 and agreeing[0].end - agreeing[0].start < _LONG_ENOUGH:
        return False
    return len(agreeing) >= voters * _LEAST_VOTES


def _confidence(agreeing: int, voters: int, wrong: float) -> float:
    """How sure: by the rule of succession, and by how well the sound agrees. One neighbour alone leaves doubt."""
    return round((agreeing + 1) / (voters + 2) * (1 - wrong), 3)


def _credits(episode: Fingerprint, votes: Sequence[_Vote], voters: int) -> Extent | None:
    length = episode.duration_seconds
    elected = _elected(votes, voters, SpanKind.CREDITS)
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
    if _places(best) < _LEAST_SHOTS:
        return None
    start, end = best[0].first / RATE, best[-1].end / RATE
    covered = sum(shot.end - shot.first for shot in best) / RATE / (end - start)
    if not _LEAST_RECAP <= end - start <= _LONGEST_RECAP or covered < _RECAP_COVERED:
        return None
    extent = Extent(SpanKind.RECAP, start, end, round(covered * (1 - 1 / (len(best) + 1)), 3))
    return None if any(overlap(extent, other) for other in others) else extent


def _places(shots: Sequence[Shot]) -> int:
    """From how many places of the other episode they are."""
    distances = sorted(shot.distance / RATE for shot in shots)
    return sum(after - before > _OTHER_PLACE for before, after in pairwise(distances)) + bool(distances)


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
