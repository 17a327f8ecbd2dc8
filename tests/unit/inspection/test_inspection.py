"""What is accepted, what is refused, and in which words."""

from dataclasses import replace
from fractions import Fraction

import pytest

from matinee.inspection.inspection import Picture, accept, check_decoded, look, select
from matinee.inspection.probe import ContainerReport, TrackReport
from matinee.model.errors import Refused

_NAME = "film.mp4"
_VIDEO = TrackReport(
    index=0,
    kind="video",
    codec="h264",
    width=1280,
    height=720,
    frame_rate="24",
    is_default=True,
    counted_seconds=16.0,
    claimed_seconds=16.0,
    packets=384,
    first_seconds=0.0,
    end_seconds=16.0,
    step_seconds=1 / 24,
)
_AUDIO = TrackReport(
    index=1,
    kind="audio",
    codec="aac",
    sample_rate_hz=48_000,
    channels=2,
    language="eng",
    is_default=True,
    claimed_seconds=16.0,
    packets=750,
    first_seconds=-0.021,
    end_seconds=16.0,
)
_REPORT = ContainerReport(
    size_bytes=1_000_000,
    begins="0000002066747970",
    boxes=("ftyp", "moov", "mdat"),
    format="mov,mp4,m4a,3gp,3g2,mj2",
    claimed_seconds=16.0,
    tracks=(_VIDEO, _AUDIO),
)
_PICTURE = Picture(1280, 720, Fraction(1), "yuv420p", is_interlaced=False, first_seconds=0.0)


def _refusal(report: ContainerReport) -> str:
    with pytest.raises(Refused) as caught:
        select(report, _NAME)
    return str(caught.value)


def _with(*tracks: TrackReport, **changes: object) -> ContainerReport:
    return replace(_REPORT, tracks=tracks, **changes)  # type: ignore[arg-type]


def test_an_ordinary_film_is_accepted_with_its_tracks() -> None:
    film = accept(select(_REPORT, _NAME), _PICTURE, _NAME)
    assert (film.source.video.index, film.source.video.width, film.source.video.frames) == (0, 1280, 384)
    assert film.source.audio is not None
    assert (film.source.audio.index, film.source.audio.language) == (1, "en")
    assert (film.frame_rate, film.length_seconds, film.shift_seconds) == (Fraction(24), 16.0, 0.0)
    assert film.notes == ()


def test_an_empty_file_is_refused() -> None:
    assert _refusal(ContainerReport(0, "")) == "film.mp4 is empty."


def test_a_text_file_is_refused() -> None:
    report = ContainerReport(40, b"hello,\nthis is n".hex(), ("o,th",), failure="Invalid data found")
    assert _refusal(report) == "film.mp4 is not a media file that Matinee can read: it begins like text."


def test_noise_is_refused() -> None:
    report = ContainerReport(40, "03b948ccaee3a953", (), failure="Invalid data found")
    assert _refusal(report) == "film.mp4 is not a media file that Matinee can read."


def test_riff_is_a_film_in_avi_alone() -> None:
    wave = ContainerReport(4000, b"RIFF\xa0\x0f\0\0WAVEfmt ".hex(), failure="Invalid argument")
    assert _refusal(wave) == "film.mp4 is not a media file that Matinee can read."
    broken = ContainerReport(40, b"RIFF\xa0\x0f\0\0AVI LIST".hex(), failure="Invalid data found")
    assert _refusal(broken) == "film.mp4 is damaged or broke off before its content began: Invalid data found."


def test_a_film_without_its_index_is_refused() -> None:
    report = ContainerReport(4336, "0000001466747970", ("ftyp", "free", "mdat"), failure="Invalid data found")
    assert _refusal(report) == "film.mp4 has no index (moov): the recording or the upload broke off before its end."


def test_a_film_that_ends_within_its_index_is_held_against_what_is_left_of_it() -> None:
    assert "film.mp4 ends within its index (moov)" in _refusal(
        ContainerReport(4336, "0000001466747970", ("ftyp", "mdat", "moov"), failure="Invalid data", index_is_cut=True)
    )
    half = replace(_VIDEO, packets=100, end_seconds=4.2)
    assert _refusal(_with(half, index_is_cut=True)).endswith("it claims 16.0 s of video and holds 4.2 s.")
    whole = select(_with(_VIDEO, index_is_cut=True), _NAME)
    assert whole.notes == ("The file ends within its index (moov): what stood behind is lost.",)


def test_an_avi_that_breaks_off_plays_what_it_has_and_says_so() -> None:
    short = replace(_VIDEO, packets=120, end_seconds=5.0)
    notes = select(_with(short, format="avi", claimed_seconds=5.0), _NAME).notes
    assert notes == ("The film breaks off: its header speaks of 16.0 s, and 5.0 s are there.",)
    assert select(_with(_VIDEO, format="avi"), _NAME).notes == ()


def test_a_damaged_index_is_refused() -> None:
    report = ContainerReport(4336, "0000001466747970", ("ftyp", "mdat", "moov"), failure="Invalid data found")
    assert _refusal(report) == "film.mp4 is damaged: Invalid data found."


def test_a_truncated_film_is_refused_with_both_lengths() -> None:
    half = replace(_VIDEO, packets=285, end_seconds=11.917, beyond_end=100)
    assert _refusal(_with(half)) == "film.mp4 breaks off: it claims 16.0 s of video and holds 11.9 s."


def test_a_truncated_matroska_film_is_refused_by_the_containers_claim() -> None:
    tracks = (replace(_VIDEO, claimed_seconds=None, end_seconds=5.5), replace(_AUDIO, end_seconds=5.4))
    report = _with(*tracks, format="matroska,webm", claimed_seconds=10.0, boxes=())
    assert _refusal(report) == "film.mp4 breaks off: it claims 10.0 s of film and holds 5.5 s."


def test_what_an_edit_list_hides_is_not_missing() -> None:
    hidden = replace(_VIDEO, claimed_seconds=20.0)
    assert select(_with(hidden, _AUDIO), _NAME).notes == ()


def test_a_stream_that_claims_nothing_is_taken_as_it_is() -> None:
    report = _with(replace(_VIDEO, end_seconds=3.0), format="mpegts", claimed_seconds=16.0, boxes=())
    assert select(report, _NAME).video.end_seconds == 3.0


def test_a_small_loss_at_the_end_is_noted() -> None:
    shorter = replace(_VIDEO, end_seconds=15.9, beyond_end=2)
    assert select(_with(shorter), _NAME).notes == ("The last 0.10 s of video are missing.",)


def test_sound_alone_is_refused() -> None:
    cover = replace(_VIDEO, is_picture=True)
    assert _refusal(_with(_AUDIO)) == "film.mp4 has no video track, only sound."
    assert _refusal(_with(cover, _AUDIO)) == "film.mp4 has no video track, only sound."
    assert _refusal(_with()) == "film.mp4 has no video track."


def test_a_codec_off_the_list_is_refused_by_name() -> None:
    magic = replace(_VIDEO, codec="magicyuv")
    assert _refusal(_with(magic)) == "film.mp4 holds video in magicyuv, which Matinee does not decode."


@pytest.mark.parametrize("place", [0, 1])
def test_an_encrypted_film_is_refused(place: int) -> None:
    tracks = [_VIDEO, _AUDIO]
    tracks[place] = replace(tracks[place], encrypted=True)
    assert "encrypted" in _refusal(_with(*tracks))


def test_sound_without_a_description_is_refused() -> None:
    mute = replace(_AUDIO, codec=None, channels=0)
    assert "sound" in _refusal(_with(_VIDEO, mute))


def test_an_empty_track_gives_way_to_a_filled_one() -> None:
    empty = replace(_VIDEO, packets=0)
    second = replace(_VIDEO, index=2)
    assert select(_with(empty, _AUDIO, second), _NAME).video.index == 2
    assert _refusal(_with(empty)) == "film.mp4 holds no frames: its video track is empty."


def test_of_two_sound_tracks_the_default_one_is_heard() -> None:
    comments = replace(_AUDIO, index=1, is_default=False)
    chosen = select(_with(_VIDEO, comments, replace(_AUDIO, index=2)), _NAME)
    assert chosen.audio is not None
    assert chosen.audio.index == 2
    assert [track.index for track in chosen.others] == [1]
    assert chosen.notes == ()
    assert [track.index for track in accept(chosen, _PICTURE, _NAME).source.sounds] == [2, 1]


def test_sound_that_cannot_be_read_is_left_out_where_other_sound_can() -> None:
    chosen = select(_with(_VIDEO, _AUDIO, replace(_AUDIO, index=2, codec="atrac3", is_default=False)), _NAME)
    assert chosen.notes == ("1 sound track(s) that cannot be read were left out.",)


def test_a_late_start_of_both_is_shifted_to_zero() -> None:
    late = replace(_PICTURE, first_seconds=10.0)
    tracks = (
        replace(_VIDEO, first_seconds=10.0, end_seconds=26.0),
        replace(_AUDIO, first_seconds=10.0, end_seconds=26.0),
    )
    film = accept(select(_with(*tracks), _NAME), late, _NAME)
    assert (film.shift_seconds, film.length_seconds) == (10.0, 16.0)


def test_sound_that_outlasts_the_picture_is_told() -> None:
    ends = _VIDEO.end_seconds or 0.0
    longer = [replace(_AUDIO, end_seconds=ends + more) for more in (0.9, 3.0)]
    told, cut = (accept(select(_with(_VIDEO, one), _NAME), _PICTURE, _NAME).notes for one in longer)
    assert told == ()
    assert cut == ("The sound goes on for 3.0 s after the picture and was cut there.",)


def test_colours_that_nobody_can_read_are_told() -> None:
    film = accept(select(_with(_VIDEO, _AUDIO), _NAME), replace(_PICTURE, colour_space="ipt-c2"), _NAME)
    assert "The colours are coded as ipt-c2, and were read as bt709." in film.notes


def test_a_little_sound_before_the_picture_is_cut_and_much_is_kept() -> None:
    selection = select(_with(replace(_VIDEO, first_seconds=0.4, end_seconds=16.4), _AUDIO), _NAME)
    cut = accept(selection, replace(_PICTURE, first_seconds=0.4), _NAME)
    assert (cut.shift_seconds, round(cut.length_seconds, 6), cut.is_steady) == (0.4, 16.0, True)
    assert any("cut" in note for note in cut.notes)
    kept = accept(selection, replace(_PICTURE, first_seconds=3.0), _NAME)
    assert (kept.shift_seconds, kept.is_steady) == (0.0, False)
    assert any("stands till then" in note for note in kept.notes)


def test_frame_rates_are_believed_only_if_time_stamps_bear_them_out() -> None:
    screen = replace(_VIDEO, frame_rate="57600", step_seconds=0.0332)
    film = accept(select(_with(screen), _NAME), _PICTURE, _NAME)
    assert 29 < film.frame_rate < 31
    ntsc = replace(_VIDEO, frame_rate="30000/1001", step_seconds=0.033)
    assert accept(select(_with(ntsc), _NAME), _PICTURE, _NAME).frame_rate == Fraction(30000, 1001)


def test_damage_inside_is_found_by_counting_what_came_out_of_the_decoder() -> None:
    film = accept(select(_REPORT, _NAME), _PICTURE, _NAME)
    check_decoded(film, 380)
    with pytest.raises(Refused, match="of its 384 frames only 200 can be decoded"):
        check_decoded(film, 200)


def test_what_nobody_could_decode_is_no_damage() -> None:
    film = accept(select(_with(replace(_VIDEO, headless=100), _AUDIO), _NAME), _PICTURE, _NAME)
    check_decoded(film, 284)


def test_fields_with_a_packet_each_are_half_as_many_frames_as_packets() -> None:
    paired = _with(replace(_VIDEO, second_fields=192, step_seconds=1 / 48), _AUDIO)
    whole, fields = (
        accept(select(paired, _NAME), replace(_PICTURE, is_interlaced=one), _NAME) for one in (False, True)
    )
    assert (whole.source.video.frames, whole.frame_rate) == (384, Fraction(48))
    assert (fields.source.video.frames, fields.frame_rate) == (192, Fraction(24))


_LOOK = """\
[Parsed_showinfo_0 @ 0x7f] n:   0 pts: -30000 pts_time:-0.333333 duration:   3000 duration_time:0.0333333 \
fmt:yuv420p10le cl:left sar:64/45 s:1080x1920 i:T iskey:0 type:B
[Parsed_showinfo_0 @ 0x7f] color_range:tv color_space:bt2020nc color_primaries:bt2020 color_trc:arib-std-b67
[Parsed_showinfo_0 @ 0x7f] n:   1 pts: -27000 pts_time:-0.3    duration:   3000 duration_time:0.0333333 \
fmt:yuv420p10le cl:left sar:64/45 s:1080x1920 i:P iskey:0 type:P
"""


def test_the_first_frames_tell_shape_time_fields_and_colours() -> None:
    picture = look(_LOOK, _NAME)
    assert (picture.width, picture.height, picture.pixel_aspect) == (1080, 1920, Fraction(64, 45))
    assert (picture.display_width, picture.first_seconds, picture.is_interlaced) == (1536, -0.333333, True)
    assert picture.is_high_dynamic_range
    assert picture.usual_matrix == "bt2020nc"


def test_absurd_pixels_count_as_square() -> None:
    assert look(_LOOK.replace("sar:64/45", "sar:1/4000"), _NAME).pixel_aspect == 1
    assert look(_LOOK.replace("sar:64/45", "sar:0/1"), _NAME).pixel_aspect == 1


def test_a_film_without_a_first_frame_is_refused() -> None:
    with pytest.raises(Refused, match="no frame"):
        look("Error while decoding", _NAME)
