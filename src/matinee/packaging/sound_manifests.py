"""Sound in both manifests: in HLS one group of all renditions, in DASH a set for each."""

from collections.abc import Sequence
from copy import deepcopy
from xml.etree import ElementTree as ET

from matinee.model.media import Rendition, SourceTrack
from matinee.packaging.multivariant import stable_id
from matinee.packaging.sound import GROUP, MPD, SURROUND, AudioFile, hls_characteristics, stereo_name
from matinee.packaging.text import PLAYLIST, hls_language, labels, quoted


def list_sounds(playlist: str, audios: Sequence[AudioFile]) -> str:
    """The playlist with our lines of sound for the packager's, which lets the first of a known language lead."""
    lines: list[str] = []
    ours = _media(audios)
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO"):
            lines += ours
            ours = []
        else:
            lines.append(line)
    return "\n".join([*lines, ""])


def part_sounds(period: ET.Element, audios: Sequence[AudioFile]) -> None:
    """Give every rendition of sound an adaptation set of its own, with its name.

    The packager puts those of one language and role into one set, where players may change between them as they do
    between rungs: from stereo to 5.1, or from one commentary to another.
    """
    names = dict(zip([one.name for one in audios], labels_of(audios), strict=True))
    taken = [int(one.get("id", "0")) for one in period if one.get("id", "").isdigit()]
    for together in [one for one in period if one.get("contentType") == "audio"]:
        place = list(period).index(together)
        period.remove(together)
        for nth, representation in enumerate(together.findall(f"{{{MPD}}}Representation")):
            alone = deepcopy(together)
            for other in alone.findall(f"{{{MPD}}}Representation"):
                alone.remove(other)
            if nth:
                taken.append(max(taken) + 1)
                alone.set("id", str(taken[-1]))
            template = representation.find(f"{{{MPD}}}SegmentTemplate")
            folder = "" if template is None else template.get("initialization", "").partition("/")[0]
            if audios and folder == audios[0].name:
                # ISO/IEC 23009-1 §5.3.3: without it, dash.js begins with whatever has the most bits.
                alone.set("selectionPriority", "2")
            label = ET.Element(f"{{{MPD}}}Label")
            label.text = names.get(folder, folder)
            alone.insert(0, label)
            alone.append(representation)
            period.insert(place + nth, alone)


def labels_of(audios: Sequence[AudioFile]) -> tuple[str, ...]:
    """What people call each rendition."""
    return sound_labels([(audio.name, audio.channels, audio.sound.track) for audio in audios])


def sound_labels(sounds: Sequence[tuple[str, int, SourceTrack | Rendition]]) -> tuple[str, ...]:
    """Names for people, no two alike, of renditions told by name, channels and track: ``en``, ``en 5.1``."""
    stereo = [(name, track) for name, channels, track in sounds if channels < SURROUND]
    plain = dict(zip([name for name, _ in stereo], labels([track for _, track in stereo], "sound"), strict=True))
    return tuple(
        f"{plain.get(stereo_name(name), name)} 5.1" if channels >= SURROUND else plain[name]
        for name, channels, _ in sounds
    )


def hls_sound_attributes(
    label: str, track: SourceTrack | Rendition, channels: int, *, leads: bool
) -> list[tuple[str, str]]:
    """What an EXT-X-MEDIA tag says of a rendition of sound between its group and its address."""
    attributes = [("NAME", quoted(label)), *hls_language(track.language)]
    attributes += [("DEFAULT", "YES" if leads else "NO"), ("AUTOSELECT", "NO" if channels >= SURROUND else "YES")]
    attributes.append(("CHANNELS", quoted(str(channels))))
    characteristics = hls_characteristics(track)
    return [*attributes, *([("CHARACTERISTICS", quoted(characteristics))] if characteristics else [])]


def _media(audios: Sequence[AudioFile]) -> list[str]:
    lines = []
    for place, (audio, name) in enumerate(zip(audios, labels_of(audios), strict=True)):
        attributes = [
            *[("TYPE", "AUDIO"), ("GROUP-ID", quoted(GROUP))],
            *hls_sound_attributes(name, audio.sound.track, audio.channels, leads=place == 0),
            ("STABLE-RENDITION-ID", quoted(stable_id(f"{audio.name}/{PLAYLIST}"))),
            ("URI", quoted(f"{audio.name}/{PLAYLIST}")),
        ]
        lines.append("#EXT-X-MEDIA:" + ",".join(f"{key}={value}" for key, value in attributes))
    return lines
