"""Packages renditions once, as CMAF segments under an HLS and a DASH manifest, and reads back what came of it.

Shaka Packager writes; ``verify`` then holds every manifest against the files and every rendition against the others,
and makes the presentation of what it read.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import m3u8

from matinee.model.errors import EncodingFailed
from matinee.model.media import Presentation, Rendition, Rung, TrackKind
from matinee.packaging.boxes import fragment_samples
from matinee.packaging.codec_manifests import check_codec, check_sets, rank_codecs
from matinee.packaging.images import Sheets, check_sheets, is_images, list_sheets
from matinee.packaging.multivariant import IFRAMES, complete_variants
from matinee.packaging.rates import Rates, read_list
from matinee.packaging.sound import GROUP, MPD, AudioFile, dash_sound_roles
from matinee.packaging.sound_manifests import list_sounds, part_sounds
from matinee.packaging.text import TextFile
from matinee.packaging.text_manifests import list_texts_in_dash, list_texts_in_hls, text_rendition

HLS, DASH = "master.m3u8", "manifest.mpd"
POSTER, STILL, THUMBNAILS = "poster.jpg", "still.jpg", "thumbnails.vtt"
_INIT, _SEGMENT, _PLAYLIST = "init.mp4", "$Number%05d$.m4s", "main.m3u8"
_MPD = f"{{{MPD}}}"
_SAME_SECONDS = 0.001
# AAC frames do not end where pictures do, and sound may go on for half a second.
_SHORTER_SECONDS, _LONGER_SECONDS = 0.15, 0.65


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A finished video rendition; ``frames`` is what its encoder counted."""

    rung: Rung
    path: Path
    frames: int


def video_folder(rung: Rung) -> str:
    """The folder of a rung's segments: ``v720`` for ``720p``, ``v720-av1`` for ``720p-av1``."""
    size, dash, rest = rung.name.partition("-")
    return f"v{size.removesuffix('p')}{dash}{rest}"


def package_command(
    packager: str, videos: Sequence[VideoFile], audios: Sequence[AudioFile], segment_seconds: float
) -> list[str]:
    """Package files into the working directory. Paths of sources are relative to it: a comma would end a field."""
    command = [packager]
    command += [_picture_stream(video) for video in videos]
    command += [_sound_stream(audio, leads=audio.sound.track == audios[0].sound.track) for audio in audios]
    return [
        *command,
        *("--segment_duration", f"{segment_seconds:g}"),
        *("--hls_master_playlist_output", f"package/{HLS}", "--mpd_output", f"package/{DASH}"),
        # Without it segments make a dynamic MPD, a live programme.
        "--generate_static_live_mpd",
        "--quiet",
    ]


def _picture_stream(video: VideoFile) -> str:
    folder = video_folder(video.rung)
    return f"{_stream(f'in={video.path.name},stream=video', folder)},iframe_playlist_name={folder}/{IFRAMES}"


def _sound_stream(audio: AudioFile, *, leads: bool) -> str:
    track = audio.sound.track
    fields = [
        # What HLS calls it is written anew afterwards: a title may hold a comma, which ends a field.
        _stream(f"in={audio.path.name},stream=audio", audio.name),
        f"hls_group_id={GROUP}",
        f"hls_name={audio.name}",
        f"dash_roles={dash_sound_roles(track, leads=leads)}",
    ]
    return ",".join([*fields, f"language={track.language}"] if track.language else fields)


def _stream(source: str, folder: str) -> str:
    return (
        f"{source},init_segment=package/{folder}/{_INIT},segment_template=package/{folder}/{_SEGMENT},"
        f"playlist_name={folder}/{_PLAYLIST}"
    )


def mend_manifests(
    folder: Path,
    rate: Fraction,
    audios: Sequence[AudioFile] = (),
    texts: Sequence[TextFile] = (),
    sheets: Sheets | None = None,
) -> None:
    """Say in both manifests what the packager cannot know, and what it never saw: subtitles and thumbnails.

    It takes the first frame's length for every one's, and no sound for the default one unless its language is known.
    """
    hls, dash = folder / HLS, folder / DASH
    number = str(rate.numerator) if rate.denominator == 1 else f"{rate.numerator}/{rate.denominator}"
    text = list_texts_in_hls(list_sounds(hls.read_text(), audios), texts)
    hls.write_text(complete_variants(text, folder, rate))
    for prefix, uri in (("", MPD), ("cenc", "urn:mpeg:cenc:2013")):
        ET.register_namespace(prefix, uri)
    root = ET.fromstring(re.sub(r'frameRate="[^"]*"', f'frameRate="{number}"', dash.read_text()))  # noqa: S314 - as below
    for period in root.iter(f"{_MPD}Period"):
        part_sounds(period, audios)
        list_texts_in_dash(period, texts, folder)
        rank_codecs(period)
        if sheets is not None:
            list_sheets(period, sheets, folder)
    ET.indent(root)
    dash.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n', "utf-8")


def verify(
    folder: Path,
    videos: Sequence[VideoFile],
    audios: Sequence[AudioFile],
    rate: Fraction,
    colour: str,
    name: str,
    texts: Sequence[TextFile] = (),
) -> Presentation:
    """The presentation that stands in a folder, once all in it agrees; EncodingFailed says what does not."""
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    tracks = _read_hls(folder, sizes, name)
    _check_dash(folder, tracks, name)
    renditions = []
    seconds: float | None = None
    cuts: tuple[float, ...] | None = None
    for video in videos:
        track = _track(tracks, video_folder(video.rung), name)
        frames = sum(fragment_samples(folder / segment) for segment in track.segments)
        if frames != video.frames:
            raise EncodingFailed(f"{name}: the {video.rung.name} rendition holds {frames} of {video.frames} frames.")
        if cuts is not None and cuts != track.cuts:
            raise EncodingFailed(f"{name}: the {video.rung.name} rendition is cut elsewhere than the others.")
        cuts, seconds = track.cuts, sum(track.cuts)
        renditions.append(_video_rendition(folder, video, track, rate, name))
    assert seconds is not None
    check_sets(folder / DASH, {rendition.uri: rendition.codecs for rendition in renditions}, name)
    for audio in audios:
        track = _track(tracks, audio.name, name)
        if not -_SHORTER_SECONDS <= sum(track.cuts) - seconds <= _LONGER_SECONDS:
            raise EncodingFailed(f"{name}: its sound lasts {sum(track.cuts):.2f} s, its picture {seconds:.2f} s.")
        renditions.append(_audio_rendition(audio, track))
    for text in texts:
        _track(tracks, text.name, name)
        renditions.append(text_rendition(folder, text, seconds))
    return Presentation(
        duration_seconds=round(seconds, 6),
        renditions=tuple(renditions),
        files=tuple(sizes.items()),
        colour=colour,
        hls=HLS,
        dash=DASH,
        poster=POSTER,
        still=STILL,
        thumbnails=THUMBNAILS if THUMBNAILS in sizes else None,
        digests=tuple(hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sizes),
    )


@dataclass(frozen=True, slots=True)
class _Track:
    """One media playlist: its segments relative to the folder, how long each lasts, and what all of them take."""

    uri: str
    initialisation: str
    segments: tuple[str, ...]
    cuts: tuple[float, ...]
    rates: Rates


def _read_hls(folder: Path, sizes: Mapping[str, int], name: str) -> dict[str, _Track]:
    """The media playlists that the master lists, by their folder."""
    master = m3u8.loads((folder / HLS).read_text())
    uris = [variant.uri for variant in master.playlists] + [media.uri for media in master.media]
    tracks = {}
    for uri in uris:
        if uri not in sizes:
            raise EncodingFailed(f"{name}: {HLS} lists {uri}, which is not there.")
        playlist = m3u8.loads((folder / uri).read_text())
        place = uri.rpartition("/")[0]
        segments = tuple(f"{place}/{segment.uri}" for segment in playlist.segments)
        # Text needs nothing before its first segment.
        is_text = all(segment.endswith(".vtt") for segment in segments)
        initialisation = f"{place}/{playlist.segment_map[0].uri}" if playlist.segment_map else ""
        missing = [path for path in (*(() if is_text else (initialisation,)), *segments) if not sizes.get(path)]
        if missing or not segments or not playlist.is_endlist:
            raise EncodingFailed(f"{name}: {uri} is not whole{f': {missing[0]} is missing' if missing else ''}.")
        cuts = tuple(segment.duration for segment in playlist.segments)
        tracks[place] = _Track(uri, initialisation, segments, cuts, read_list(folder, uri).rates)
    return tracks


def _check_dash(folder: Path, tracks: Mapping[str, _Track], name: str) -> None:
    """Hold the MPD against the HLS playlists: the same segments, for the same time."""
    tree = ET.parse(folder / DASH)  # noqa: S314 - written by the packager a moment ago
    sets = list(tree.iter(f"{_MPD}AdaptationSet"))
    seconds = max((sum(track.cuts) for track in tracks.values()), default=0.0)
    for images in filter(is_images, sets):
        check_sheets(images, folder, seconds, name)
    described = [one for each in sets if not is_images(each) for one in each.iter(f"{_MPD}Representation")]
    if tree.getroot().get("type") != "static" or len(described) != len(tracks):
        raise EncodingFailed(f"{name}: {DASH} describes other renditions than {HLS}.")
    for representation in described:
        whole = representation.findtext(f"{_MPD}BaseURL")
        if whole is not None:
            if not (folder / whole).exists() or whole.rpartition("/")[0] not in tracks:
                raise EncodingFailed(f"{name}: {DASH} names {whole}, which is not there.")
            continue
        template = representation.find(f"{_MPD}SegmentTemplate")
        place = "" if template is None else template.get("initialization", "").rpartition("/")[0]
        if template is None or place not in tracks:
            raise EncodingFailed(f"{name}: {DASH} describes a rendition that {HLS} does not have.")
        scale = int(template.get("timescale", "1"))
        lengths = [
            int(entry.get("d", "0")) / scale
            for entry in template.iter(f"{_MPD}S")
            for _ in range(int(entry.get("r", "0")) + 1)
        ]
        track = tracks[place]
        drift = abs(sum(lengths) - sum(track.cuts))
        if len(lengths) != len(track.cuts) or drift > _SAME_SECONDS * (len(lengths) + 1):
            raise EncodingFailed(f"{name}: {DASH} and {HLS} disagree about {place}.")


def _track(tracks: Mapping[str, _Track], place: str, name: str) -> _Track:
    if place not in tracks:
        raise EncodingFailed(f"{name}: {HLS} does not list {place}.")
    return tracks[place]


def _video_rendition(folder: Path, video: VideoFile, track: _Track, rate: Fraction, name: str) -> Rendition:
    master = m3u8.loads((folder / HLS).read_text())
    info = next(variant.stream_info for variant in master.playlists if variant.uri == track.uri)
    if info.resolution != (video.rung.width, video.rung.height):
        raise EncodingFailed(f"{name}: {track.uri} is {info.resolution}, not {video.rung.width}x{video.rung.height}.")
    iframes = next((one for one in master.iframe_playlists if one.uri.startswith(f"{video_folder(video.rung)}/")), None)
    quick = None if iframes is None else _iframe_rates(folder, iframes.uri, track, name)
    return Rendition(
        name=video.rung.name,
        kind=TrackKind.VIDEO,
        codecs=check_codec(info, video.rung, f"{name}: {track.uri}"),
        uri=track.uri,
        bandwidth_bps=track.rates.peak_bps,
        average_bandwidth_bps=track.rates.average_bps,
        width=video.rung.width,
        height=video.rung.height,
        frame_rate=float(rate),
        frames=video.frames,
        video_range=video.rung.video_range.value,
        iframe_uri=None if iframes is None else iframes.uri,
        iframe_bandwidth_bps=None if quick is None else quick.peak_bps,
        iframe_average_bandwidth_bps=None if quick is None else quick.average_bps,
    )


def _iframe_rates(folder: Path, uri: str, track: _Track, name: str) -> Rates:
    """What the I-frames take; EncodingFailed if they are not the first picture of every segment."""
    listed = read_list(folder, uri)
    files = tuple(piece.file for piece in listed.pieces)
    if files != track.segments or not all(piece.size_bytes for piece in listed.pieces):
        raise EncodingFailed(f"{name}: {uri} does not list the first picture of every segment.")
    return listed.rates


def _audio_rendition(audio: AudioFile, track: _Track) -> Rendition:
    return Rendition(
        name=audio.name,
        kind=TrackKind.AUDIO,
        codecs="mp4a.40.2",  # RFC 6381: AAC-LC
        uri=track.uri,
        bandwidth_bps=track.rates.peak_bps,
        average_bandwidth_bps=track.rates.average_bps,
        language=audio.sound.track.language,
        channels=audio.sound.channels,
        title=audio.sound.track.title,
        roles=audio.sound.track.roles,
    )
