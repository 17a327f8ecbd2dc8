"""What exposed profiles did: their window and no more, their past and no more, and nothing of who is forgotten."""

from datetime import UTC, datetime, timedelta

from matinee.experiments.lifecycle import Source
from matinee.experiments.measures import Measures, Sum, profiles_of
from matinee.model.events import (
    Event,
    ExperimentExposed,
    MemberForgotten,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
    TitleWithdrawn,
)

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def exposed(profile: str = "ada", at: datetime = NOON, source: str = "serve", experiment: str = "one") -> Event:
    return Event(f"exposed-{experiment}-{profile}", at, source, ExperimentExposed(experiment, "fresh", profile))


def started(at: datetime, profile: str = "ada") -> Event:
    return Event(f"s{at}", at, "player", PlaybackStarted(playback_id="p", profile_id=profile, title_id="t"))


def watched(at: datetime, seconds: float, profile: str = "ada") -> Event:
    return Event(f"w{at}", at, "player", PlaybackHeartbeat("p", profile, "t", seconds, seconds))


def known() -> Measures:
    return Measures({"one": 86_400.0})


def test_a_profile_is_measured_from_its_first_exposure_for_the_window() -> None:
    measures = known()
    measures.fold(
        [
            watched(NOON - HOUR, 99.0),
            exposed(),
            started(NOON),
            watched(NOON + HOUR, 10.0),
            Event("z", NOON + 2 * HOUR, "player", PlaybackStopped("p", "ada", "t", 0.0, 5.0)),
            watched(NOON + 24 * HOUR, 1000.0),
            exposed(at=NOON + 30 * HOUR),
        ]
    )
    found = measures.exposures["ada"]["one"]
    assert (found.done, found.exposed_at, found.source) == (Sum(1, 15.0), NOON, Source.MEMBERS)
    assert measures.changed == {("ada", "one")}


def test_the_past_is_the_days_before_and_four_weeks_at_most() -> None:
    measures = known()
    days = (1, 5, 28, 29, 40)
    measures.fold(
        [one for day in days for at in [NOON - timedelta(days=day)] for one in (started(at), watched(at, 60.0))]
    )
    measures.fold([watched(NOON - HOUR, 7.0), exposed(source="generated"), watched(NOON - timedelta(days=3), 20.0)])
    found = measures.exposures["ada"]["one"]
    assert (found.past, found.done, found.source) == (Sum(3, 200.0), Sum(), Source.GENERATED)
    assert len(measures.changed_days) == 7


def test_a_players_word_is_bounded_and_others_are_nobodys() -> None:
    measures = known()
    measures.fold([exposed(), watched(NOON + HOUR, 1e6), watched(NOON + HOUR, -5.0), watched(NOON, 3.0, "bob")])
    measures.fold([exposed("bob", experiment="unknown"), Event("x", NOON, "serve", TitleWithdrawn("t"))])
    assert measures.exposures["ada"]["one"].done.watched_seconds == 3600
    assert measures.exposures["bob"] == {}


def test_who_is_forgotten_is_unknown_and_what_comes_late_stays_out() -> None:
    measures = known()
    word = Event("f", NOON + HOUR, "serve", MemberForgotten("m", "ada", (NOON + HOUR).timestamp()))
    measures.fold([exposed(), watched(NOON, 3.0), word, watched(NOON + HOUR / 2, 9.0)])
    assert not measures.exposures.get("ada")
    assert (measures.changed, measures.changed_days, measures.gone) == (set(), set(), {"ada"})
    measures.fold([exposed(at=NOON + 2 * HOUR), watched(NOON + 3 * HOUR, 4.0)])
    assert measures.exposures["ada"]["one"].done.watched_seconds == 4
    assert profiles_of([word, exposed("bob")]) == {"ada", "bob"}
