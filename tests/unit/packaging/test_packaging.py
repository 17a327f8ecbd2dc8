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


def _playlist(folder: Path, name: str, segments: list[tuple[int, float]]) -> None:
    """A media playlist whose segments have so many bytes and seconds."""
    (folder / name).mkdir()
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4"]
    for number, (size, seconds) in enumerate(segments):
        (folder / name / f"{number}.m4s").write_bytes(b"." * size)
        lines += [f"#EXTINF:{seconds},", f"{number}.m4s"]
    (folder / name / "main.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))


def test_manifests_are_mended_where_the_packager_cannot_know(tmp_path: Path) -> None:
    _playlist(tmp_path, "a-und", [(4000, 4), (4000, 4)])
    _playlist(tmp_path, "v240", [(10_000, 4), (40_000, 4), (500, 0.1)])
    (tmp_path / HLS).write_text(
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="a-und/main.m3u8",GROUP-ID="audio",NAME="Original",DEFAULT=NO,AUTOSELECT=YES\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=100,AVERAGE-BANDWIDTH=120,CODECS="x,y",FRAME-RATE=90000.000,AUDIO="audio"\n'
        "v240/main.m3u8\n"
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=2,CODECS="x",URI="v240/main.m3u8"\n'
    )
    (tmp_path / DASH).write_text(f'<MPD xmlns="{MPD}"><Period><AdaptationSet frameRate="90000/1"/></Period></MPD>')
    mend_manifests(tmp_path, Fraction(30_000, 1001), _sounds(None))
    text = (tmp_path / HLS).read_text()
    assert "DEFAULT=YES,AUTOSELECT=YES" in text
    # 40,500 bytes in 4.1 s is less than 40,000 in 4 s; 0.1 s alone is no stretch that counts. Sound has 8 kbit/s.
    assert "BANDWIDTH=88000,AVERAGE-BANDWIDTH=57877," in text
    assert 'CODECS="x,y",FRAME-RATE=29.970,AUDIO="audio",VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE' in text
    assert 'STABLE-VARIANT-ID="v240"\n' in text
    assert 'BANDWIDTH=80000,AVERAGE-BANDWIDTH=49877,CODECS="x",VIDEO-RANGE=SDR' in text
    assert '<AdaptationSet frameRate="30000/1001" />' in (tmp_path / DASH).read_text()
