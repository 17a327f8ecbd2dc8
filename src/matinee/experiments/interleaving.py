"""Team-draft interleaving: two rankings in one list, and the viewer's picks say which is better. Pure.

As captains choose teams (Radlinski, Kurup, Joachims, "How does clickthrough data reflect retrieval quality?", CIKM
2008): in each round a coin says who picks first, and each ranking adds its best title that is not yet there. A pick
counts for the team that put the title there. Both rankings are seen by the same viewer at the same moment, so that
far fewer viewers are needed than for an A/B test (Chapelle, Joachims, Radlinski, Yue, "Large-scale validation and
analysis of interleaved search evaluation", TOIS 2012); what it cannot see is retention.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import numpy as np

from matinee.experiments.sequences import mean_sequence


class Team(StrEnum):
    """Who put a title into the list."""

    CURRENT = "current"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Interleaved:
    """The list that is shown, and beside each title the team that put it there."""

    titles: tuple[str, ...]
    teams: tuple[Team, ...]

    def credit(self, picked: Collection[str]) -> float:
        """What the picks say: above 0 for the candidate, below for the current one, from -1 to 1.

        The candidate's picks less the current one's, over all picks (Chapelle 2012, section 3); 0 without any.
        """
        pairs = zip(self.titles, self.teams, strict=True)
        points = [1 if team is Team.CANDIDATE else -1 for title, team in pairs if title in picked]
        return sum(points) / len(points) if points else 0.0


@dataclass(frozen=True, slots=True)
class Preference:
    """Wins with ties shared, less a half: above 0 for the candidate; the interval holds at every look."""

    lists: int
    wins: int
    losses: int
    estimate: float
    low: float
    high: float


def team_draft(current: Sequence[str], candidate: Sequence[str], length: int, random: Random) -> Interleaved:
    """The first ``length`` titles of both rankings' draft; shorter if they have no more."""
    rankings = {Team.CURRENT: current, Team.CANDIDATE: candidate}
    at = dict.fromkeys(rankings, 0)
    titles: list[str] = []
    teams: list[Team] = []
    seen: set[str] = set()
    while len(titles) < length:
        order = [Team.CURRENT, Team.CANDIDATE]
        if random.random() < 0.5:  # noqa: PLR2004 - a coin
            order.reverse()
        before = len(titles)
        for team in order:
            ranking = rankings[team]
            while at[team] < len(ranking) and ranking[at[team]] in seen:
                at[team] += 1
            if at[team] < len(ranking) and len(titles) < length:
                titles.append(ranking[at[team]])
                teams.append(team)
                seen.add(titles[-1])
        if len(titles) == before:
            break
    return Interleaved(tuple(titles), tuple(teams))


def preference(credits_: Iterable[float], alpha: float = 0.05) -> Preference:
    """What the credits of many lists say together, in the order in which they came; lists without picks count."""
    signs = np.sign(np.array(list(credits_), dtype=np.float64))
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    if not len(signs):
        return Preference(0, 0, 0, 0.0, -0.5, 0.5)
    mean, low, high = mean_sequence(signs / 2, alpha)
    return Preference(len(signs), wins, losses, float(mean[-1]), max(-0.5, float(low[-1])), min(0.5, float(high[-1])))
