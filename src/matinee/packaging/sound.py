"""Which renditions a film's sound has: every track in stereo, and in 5.1 where it has as many channels.

In HLS all stand in one group, 5.1 for who asks for it (AUTOSELECT=NO). With a group a layout, hls.js took the variants
of both for rungs of one ladder, since their codecs are the same, and changed from two channels to six in mid-film.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.model.media import Rendition, Role, SourceTrack
from matinee.packaging.text import numbered

MPD = "urn:mpeg:dash:schema:mpd:2011"
STEREO, SURROUND = 2, 6
GROUP = "audio"
_ENDINGS = {STEREO: "", SURROUND: "-51"}


@dataclass(frozen=True, slots=True)
class Sound:
    """One rendition of sound that a film gets: its name, the track it is made of, and its channels."""

    name: str
    track: SourceTrack
    channels: int = STEREO


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A finished rendition of sound."""

    path: Path
    sound: Sound

    @property
    def name(self) -> str:
        """Its folder."""
        return self.sound.name

    @property
    def channels(self) -> int:
        """How many it has."""
        return self.sound.channels


def plan_sounds(tracks: Sequence[SourceTrack]) -> tuple[Sound, ...]:
    """The renditions of these tracks, the leading one's first; RFC 5646 calls a language that nobody knows ``und``."""
    names = numbered([f"a-{track.language or 'und'}" for track in tracks])
    return tuple(
        Sound(f"{name}{_ENDINGS[channels]}", track, channels)
        for name, track in zip(names, tracks, strict=True)
        for channels in ((STEREO, SURROUND) if (track.channels or 0) >= SURROUND else (STEREO,))
    )


def stereo_name(name: str) -> str:
    """The name of the rendition of the same track in stereo."""
    return name.removesuffix(_ENDINGS[SURROUND])


def dash_sound_roles(track: SourceTrack, *, leads: bool) -> str:
    """ISO/IEC 23009-1 §5.8.5.5."""
    for role in (Role.COMMENTARY, Role.DESCRIPTION, Role.DUB):
        if role in track.roles:
            return role.value
    return "main" if leads else "alternate"


def hls_characteristics(track: SourceTrack | Rendition) -> str | None:
    """What EXT-X-MEDIA says of sound that tells the picture (RFC 8216bis §4.4.6.1)."""
    return "public.accessibility.describes-video" if Role.DESCRIPTION in track.roles else None
