"""Commands for the packager, and what is mended in its manifests."""

from fractions import Fraction
from pathlib import Path

from matinee.ladder.fixed import fixed_ladder
from matinee.model.media import SourceTrack, TrackKind
from matinee.packaging.packaging import DASH, HLS, VideoFile, mend_manifests, package_command, video_folder
from matinee.packaging.sound import MPD, AudioFile, plan_sounds

_RUNGS = fixed_ladder(1280, 720, 24).rungs
_VIDEOS = [VideoFile(rung, Path(f"/work, with: comma/{rung.name}-0123.mp4"), 288) for rung in _RUNGS]


def _sounds(language: str | None) -> list[AudioFile]:
    (sound,) = plan_sounds([SourceTrack(1, TrackKind.AUDIO, "aac", language, channels=2)])
    return [AudioFile(Path(f"/kept/{sound.name}-4567.mp4"), sound)]


def test_every_rendition_is_packaged_into_a_folder_of_its_own() -> None:
    command = package_command("packager", _VIDEOS, _sounds(None), 4.0)
    assert [video_folder(rung) for rung in _RUNGS] == ["v240", "v360", "v480", "v720"]
    for place, rung in enumerate(_RUNGS, start=1):
        assert command[place].startswith(f"in={rung.name}-0123.mp4,stream=video,init_segment=package/v{rung.height}/")
    assert "playlist_name=a-und/main.m3u8" in command[5]
    assert {"--generate_static_live_mpd", "--segment_duration"} <= set(command)


def test_no_folders_name_can_end_a_field() -> None:
    assert "comma" not in " ".join(package_command("packager", _VIDEOS, [], 4.0))


def test_a_language_is_told_where_it_is_known() -> None:
    known = package_command("packager", _VIDEOS, _sounds("en"), 4.0)[5]
    unknown = package_command("packager", _VIDEOS, _sounds(None), 4.0)[5]
    assert known.endswith("dash_roles=main,language=en")
    assert "language" not in unknown


def test_manifests_are_mended_where_the_packager_cannot_know(tmp_path: Path) -> None:
    (tmp_path / HLS).write_text(
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="a/main.m3u8",GROUP-ID="audio",NAME="Original",DEFAULT=NO,AUTOSELECT=YES\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=100,AVERAGE-BANDWIDTH=120,FRAME-RATE=90000.000\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=500,AVERAGE-BANDWIDTH=420,FRAME-RATE=90000.000\n"
    )
    (tmp_path / DASH).write_text(f'<MPD xmlns="{MPD}"><Period><AdaptationSet frameRate="90000/1"/></Period></MPD>')
    mend_manifests(tmp_path, Fraction(30_000, 1001), _sounds(None))
    text = (tmp_path / HLS).read_text()
    assert "DEFAULT=YES,AUTOSELECT=YES" in text
    assert "BANDWIDTH=120,AVERAGE-BANDWIDTH=120,FRAME-RATE=29.970" in text
    assert "BANDWIDTH=500,AVERAGE-BANDWIDTH=420,FRAME-RATE=29.970" in text
    assert '<AdaptationSet frameRate="30000/1001" />' in (tmp_path / DASH).read_text()
