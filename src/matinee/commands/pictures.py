"""From decoded pictures to those of a rung: filter graphs for FFmpeg. Pure: one comment a reason."""

from collections.abc import Sequence

from matinee.commands.encoders import kept_range, pixel_format
from matinee.commands.stretches import BASE_TICKS, Stretch
from matinee.inspection.frames import TICKS
from matinee.inspection.inspection import UNREAD_MATRICES, Film, Picture
from matinee.ladder.fixed import needs_bars
from matinee.ladder.quality import Reference, reference_size
from matinee.model.media import Rung, VideoRange

# Colour matrices that zscale reads and swscale does not.
_ZSCALE_READS = frozenset({"ycgco", "ictcp", "chroma-derived-nc", "chroma-derived-c"})
_WHITE_NITS = 203  # ITU-R BT.2408: what white paper shows in HDR


def video_graph(film: Film, stretch: Stretch, rungs: Sequence[Rung], track: int, *, seeks: bool = True) -> str:
    """The filters from the decoded picture to one pad ``[vN]`` a rung; each rung is scaled from the largest."""
    chain = stretch_chain(film, stretch, rungs[-1], seeks=seeks)
    graph = f"[0:{track}]{','.join(chain)}"
    if len(rungs) == 1:
        return f"{graph}[v0]"
    pads = "".join(f"[s{place}]" for place in range(len(rungs)))
    smaller = [
        f"[s{place}]scale={rung.width}:{rung.height},setsar=1[v{place}]" for place, rung in enumerate(rungs[:-1])
    ]
    last = len(rungs) - 1
    return ";".join([f"{graph},split={len(rungs)}{pads}", *smaller, f"[s{last}]null[v{last}]"])


def stretch_chain(film: Film, stretch: Stretch, rung: Rung, *, seeks: bool = True) -> list[str]:
    """The filters that leave the frames of a stretch, as a rung shows them, at their times."""
    sought = seeks and stretch.seek_microseconds is not None
    return [
        _trim(stretch, seeks=seeks),
        *picture_chain(film, rung),
        f"settb=1/{TICKS}",
        f"setpts='{_time_stamps(stretch, sought)}'",
    ]


def reference_of(film: Film, stretch: Stretch, inputs: Sequence[str], track: int, *, seeks: bool = True) -> Reference:
    """What encodes of a stretch are compared with: its frames as a rung of the film's own size shows them."""
    width, height = reference_size(film.picture.display_width, film.picture.height)
    whole = [_trim(stretch, seeks=seeks), *_whole_frames(film.picture)]
    each = _shown(film.picture, Rung("reference", width, height, 0, 0))
    return Reference(tuple(inputs), ",".join(whole), width, height, stretch.encoded, f"0:{track}", each=",".join(each))


def picture_chain(film: Film, rung: Rung) -> list[str]:
    """The filters from decoded pictures to those of a rung: whole frames, its range of light, square pixels."""
    return [*_whole_frames(film.picture), *_shown(film.picture, rung)]


def _trim(stretch: Stretch, *, seeks: bool) -> str:
    first = 0 if seeks and stretch.seek_microseconds is not None else stretch.first
    return f"trim=start_frame={first}:end_frame={first + len(stretch.times)}"


def light_alone(picture: Picture) -> list[str]:
    """The filter for who looks at a picture's light, where swscale would refuse it for its colours."""
    return ["setparams=colorspace=bt709"] if picture.colour_space in _ZSCALE_READS | UNREAD_MATRICES else []


def first_size(picture: Picture) -> str:
    """A filter for others that hold frames, and cannot take another size: it gives them that of the first frames."""
    return f"scale={picture.width}:{picture.height}"


def _whole_frames(picture: Picture) -> list[str]:
    if not picture.is_interlaced:
        return []
    parity = "bff" if picture.is_bottom_first else "tff"
    return [first_size(picture), f"bwdif=mode=send_field:parity={parity}:deint=all"]


def _shown(picture: Picture, rung: Rung) -> list[str]:
    """A frame as a rung shows it."""
    chain = [*_name_colours(picture), *(_each_shape(rung) if picture.changes_shape else [])]
    if rung.video_range is not VideoRange.SDR:
        return [*chain, *kept_range(rung)]
    if picture.is_wide_gamut:
        chain += _tone_map(picture, rung)
    else:
        chain += [*(["zscale=m=bt709"] if picture.colour_space in _ZSCALE_READS else []), _scale(picture, rung)]
    return [
        *chain,
        f"format={pixel_format(rung)}",
        "setsar=1",
        # One colour space for all ordinary rungs (HLS authoring specification, 1.27).
        "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
    ]


def _time_stamps(stretch: Stretch, sought: bool) -> str:
    """Time stamps that begin near BASE_TICKS: so far from it as the first frame is from where it ought to be."""
    start = f"({stretch.lead_ticks})" if sought else "STARTPTS"
    shifted = f"PTS-{start}+{BASE_TICKS}"
    return f"st(0,{shifted});if(isnan(PREV_OUTPTS),ld(0),max(ld(0),PREV_OUTPTS+1))"


def _name_colours(picture: Picture) -> list[str]:
    """Words for colours that nothing names: converters refuse to guess."""
    if picture.pixel_format.startswith(("rgb", "bgr", "gbr", "pal", "gray", "argb", "abgr", "0", "x2")):
        return []
    words = []
    if picture.colour_space in {"unknown", "reserved"} | UNREAD_MATRICES:
        words.append(f"colorspace={picture.usual_matrix}")
    if picture.is_wide_gamut and picture.colour_primaries in {"unknown", "reserved"}:
        words.append("color_primaries=bt2020")
    if picture.is_wide_gamut and not picture.is_high_dynamic_range and picture.colour_transfer == "unknown":
        words.append("color_trc=bt709")
    return [f"setparams={':'.join(words)}"] if words else []


def _each_shape(rung: Rung) -> list[str]:
    """Frame by frame as wide or as high as the rung, the rest black."""
    width, height = rung.width, rung.height
    return [
        f"scale=w='2*round(min({width},{height}*dar)/2)':h='2*round(min({height},{width}/dar)/2)':eval=frame",
        f"pad={width}:{height}:-1:-1:eval=frame",
        "setsar=1",
    ]


def _scale(picture: Picture, rung: Rung) -> str:
    colours = "out_color_matrix=bt709:out_range=tv"
    if picture.changes_shape or not needs_bars(rung, picture.display_width, picture.height):
        return f"scale={rung.width}:{rung.height}:{colours}"
    inside = picture.display_width / picture.height
    width = max(2 * round(min(rung.width, rung.height * inside) / 2), 2)
    height = max(2 * round(min(rung.height, rung.width / inside) / 2), 2)
    return f"scale={width}:{height}:{colours},pad={rung.width}:{rung.height}:-1:-1"


def _tone_map(picture: Picture, rung: Rung) -> list[str]:
    return [
        # Scaled first, where it is cheap; then to linear light, where colours may be converted.
        f"zscale=w={rung.width}:h={rung.height}:t=linear:npl={_WHITE_NITS}",
        "format=gbrpf32le",
        "zscale=p=bt709",
        # mobius leaves the darker third as it is and bends what is brighter; hable darkens the whole picture.
        *(["tonemap=tonemap=mobius:desat=0"] if picture.is_high_dynamic_range else []),
        "zscale=t=bt709:m=bt709:r=tv",
    ]
