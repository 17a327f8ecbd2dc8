"""Which subtitles come along, and what tracks say of themselves."""

import pytest

from matinee.inspection.probe import ContainerReport, TrackReport
from matinee.inspection.tracks import language_of, roles_of, select_texts
from matinee.model.media import Role


def _track(codec: str | None = "subrip", **told: object) -> TrackReport:
    return TrackReport(2, "subtitle", codec, **{"packets": 3, **told})  # type: ignore[arg-type]


def _select(track: TrackReport, form: str = "matroska,webm") -> tuple[int, str]:
    carried, notes = select_texts(ContainerReport(1, "", format=form, tracks=(TrackReport(0, "video", "h264"), track)))
    return len(carried), " ".join(notes)


@pytest.mark.parametrize(
    ("told", "tag"),
    [("eng", "en"), ("ger", "de"), ("deu", "de"), ("pt-BR", "pt-BR"), ("und", None), (None, None), ("../x", None)],
)
def test_a_language_has_one_tag(told: str | None, tag: str | None) -> None:
    assert language_of(_track(language=told)) == tag


def test_words_that_are_no_language_are_none() -> None:
    assert language_of(_track(language="englisch")) in {None, "englisch"}
    assert language_of(_track(language="a")) is None


@pytest.mark.parametrize("told", ["xx", "qq", "abcd", "zz-ZZZ", "xx-Latn-US"])
def test_languages_that_nobody_speaks_are_none(told: str) -> None:
    assert language_of(_track(language=told)) is None


def test_roles_are_told_by_kind() -> None:
    assert roles_of(_track(disposition=0x40 | 0x80)) == (Role.FORCED, Role.CAPTIONS)
    sound = TrackReport(1, "audio", "aac", disposition=0x80 | 0x100 | 0x08)
    assert roles_of(sound) == (Role.COMMENTARY, Role.DESCRIPTION)


@pytest.mark.parametrize("codec", ["subrip", "ass", "mov_text", "webvtt", None])
def test_text_comes_along(codec: str | None) -> None:
    assert _select(_track(codec)) == (1, "")


@pytest.mark.parametrize(
    ("track", "form", "word"),
    [
        (_track("hdmv_pgs_subtitle", language="eng"), "matroska,webm", "in en are pictures (PGS)"),
        (_track("dvd_subtitle"), "matroska,webm", "VobSub"),
        (_track("webvtt"), "mov,mp4", "webvtt"),
        (_track(None), "mov,mp4", "unknown form"),
        (_track(packets=0), "matroska,webm", "empty"),
        (_track(encrypted=True), "matroska,webm", "encrypted"),
    ],
)
def test_what_does_not_is_named(track: TrackReport, form: str, word: str) -> None:
    carried, note = _select(track, form)
    assert carried == 0
    assert word in note
    assert note.endswith((".", "carried."))
