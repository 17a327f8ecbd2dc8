"""Joins encoded stretches into one rendition by the film's frame list: packets are copied, times are the list's.

Files say their lengths in rounded units, so that whoever puts one behind another by length drifts at every seam.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from matinee.inspection.frames import TICKS
from matinee.model.errors import EncodingFailed
from matinee.model.media import Codec

_TICK = Fraction(1, TICKS)
X264_DELAY = 2  # frames that x264 holds back for reordering, with pyramids of B-frames


def delay_of(codec: Codec, *, is_steady: bool) -> int:
    """By how many frames a codec's encoder may reorder. AV1's packets come as they are shown: hidden frames inside."""
    return X264_DELAY if is_steady and codec is not Codec.AV1 else 0


def join(parts: Sequence[Path], output: Path, times: Sequence[int], end: int, delay: int, name: str) -> None:
    """Write a rendition of all frames in ``times`` (ticks, rising; the last until ``end``) from its parts, in order.

    ``delay`` is by how many frames encoders may have reordered. EncodingFailed, naming the film, if the frames in the
    parts are not as many as in the list, or if a part cannot be decoded by what the first says of itself.
    """
    import av  # noqa: PLC0415 - loads FFmpeg's libraries, which other tasks do not need

    delay = min(delay, len(times) - 1)
    early = times[delay] - times[0]
    done = 0
    with av.open(output, "w", format="mp4", options={"video_track_timescale": str(TICKS)}) as joined:
        stream, first_header = None, None
        for part in parts:
            with av.open(part) as container:
                source = container.streams.video[0]
                header = source.codec_context.extradata
                if stream is None:
                    first_header = header
                    # opaque: nothing is encoded here, and no encoder has the name of the decoder of AV1.
                    stream = joined.add_stream_from_template(source, opaque=True)
                    stream.codec_context.codec_tag = source.codec_context.codec_tag  # hvc1 would become hev1
                    stream.time_base = _TICK
                elif header != first_header:
                    # A track has one set of parameters: H.264's and HEVC's sets, AV1's sequence header.
                    raise EncodingFailed(f"{name}: {part.name} was encoded with other parameters than the first part.")
                packets = [packet for packet in container.demux(source) if packet.size]
                if done + len(packets) > len(times):
                    raise EncodingFailed(f"{name}: more frames were encoded than its list holds ({len(times)}).")
                order = sorted(packet.pts or 0 for packet in packets)
                shown = {pts: place for place, pts in enumerate(order)}
                for place, packet in enumerate(packets, start=done):
                    frame = done + shown[packet.pts or 0]
                    packet.pts = times[frame]
                    packet.dts = times[place] - early if place < delay else times[place - delay]
                    packet.duration = (times[frame + 1] if frame + 1 < len(times) else end) - times[frame]
                    if packet.dts > packet.pts:
                        raise EncodingFailed(f"{name}: frame {frame} was reordered further than the list allows.")
                    packet.time_base = _TICK
                    packet.stream = stream
                    joined.mux(packet)
                done += len(packets)
    if done != len(times):
        raise EncodingFailed(f"{name}: {done} frames were encoded, and its list holds {len(times)}.")


def shown_packets(path: Path) -> list[tuple[int, int]]:
    """Of each frame of an encoded file, in the order of showing, its time in ticks and its size in bytes."""
    import av  # noqa: PLC0415 - as above

    with av.open(path) as container:
        stream = container.streams.video[0]
        unit = Fraction(stream.time_base or _TICK) / _TICK
        found = [(round((one.pts or 0) * unit), one.size) for one in container.demux(stream) if one.size]
    return sorted(found)
