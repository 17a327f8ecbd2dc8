"""Which renditions a film's sound has, and how manifests name them."""

from pathlib import Path
from xml.etree import ElementTree as ET

from matinee.model.media import Role, SourceTrack, TrackKind
from matinee.packaging.sound import MPD, AudioFile, dash_sound_roles, plan_sounds
from matinee.packaging.sound_manifests import labels_of, list_sounds, part_sounds


def _track(index: int, language: str | None, channels: int = 2, *roles: Role) -> SourceTrack:
    return SourceTrack(index, TrackKind.AUDIO, "aac", language, channels=channels, roles=roles)


_TRACKS = [_track(1, "en", 6), _track(2, "de"), _track(3, "en", 2, Role.COMMENTARY), _track(4, "en", 1)]
_AUDIOS = [AudioFile(Path(f"{one.name}.mp4"), one) for one in plan_sounds(_TRACKS)]


def test_every_track_is_had_in_stereo_and_in_surround_where_it_is() -> None:
    assert [(one.name, one.channels) for one in plan_sounds(_TRACKS)] == [
        ("a-en", 2),
        ("a-en-51", 6),
        ("a-de", 2),
        ("a-en-2", 2),
        ("a-en-3", 2),
    ]
    assert plan_sounds([]) == ()


def test_names_for_people_tell_layouts_and_roles_apart() -> None:
    assert labels_of(_AUDIOS) == ("en", "en 5.1", "de", "en (commentary)", "en 2")


def test_one_rendition_leads_and_surround_is_for_who_asks() -> None:
    old = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,a\n#EXT-X-MEDIA:TYPE=AUDIO,b\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n"
    lines = list_sounds(old, _AUDIOS).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "#EXTM3U",
        *["#EXT-X-MEDIA"] * 5,
        "#EXT-X-STREAM-INF",
        "v",
    ]
    assert ["DEFAULT=YES" in line for line in lines[1:6]] == [True, False, False, False, False]
    assert ["AUTOSELECT=NO" in line for line in lines[1:6]] == [False, True, False, False, False]
    assert 'CHANNELS="6"' in lines[2]


def test_dash_has_a_set_for_each_so_that_players_do_not_change_between_them_as_between_rungs() -> None:
    sets = "".join(
        f'<Representation id="{place}"><SegmentTemplate initialization="{name}/init.mp4"/></Representation>'
        for place, name in enumerate(["a-en", "a-en-51", "a-en-3"])
    )
    period = ET.fromstring(
        f'<Period xmlns="{MPD}"><AdaptationSet id="0" contentType="video"/>'
        f'<AdaptationSet id="1" contentType="audio" lang="en"><Role value="main"/>{sets}</AdaptationSet></Period>'
    )
    part_sounds(period, _AUDIOS)
    sounds = [one for one in period if one.get("contentType") == "audio"]
    assert [one.findtext(f"{{{MPD}}}Label") for one in sounds] == ["en", "en 5.1", "en 2"]
    assert all(len(one.findall(f"{{{MPD}}}Representation")) == 1 for one in sounds)
    assert len({one.get("id") for one in period}) == 4
    assert [one.get("selectionPriority") for one in sounds] == ["2", None, None]


def test_dash_is_told_what_a_track_is_for() -> None:
    assert dash_sound_roles(_TRACKS[0], leads=True) == "main"
    assert dash_sound_roles(_TRACKS[1], leads=False) == "alternate"
    assert dash_sound_roles(_TRACKS[2], leads=False) == "commentary"
