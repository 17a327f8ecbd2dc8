"""Which frame is on the screen: every one, in its time, over every seam and every change of rung.

Each frame has its number in it: in a clip of CTA WAVE as a QR code, in one drawn here as twelve black or white blocks.
"""

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page

from foreign_players import folder_player, fresh_page, true_errors
from matinee.compose.encode import encode_folder
from sources import H264, ffmpeg, served, tone

_WAVE = Path(__file__).parents[3] / "shared" / "media" / "films" / "wave_tos_1080p2997_h264_aac_8s.mp4"
_BITS = 12
_DRAWN_SECONDS, _WAVE_SECONDS = 6, 6
# So much before and after a seam is played, at these speeds: the second one is for a machine that shows only a few of
# the frames at the first.
_AROUND_SECONDS = 0.5
_LOOKS = 50
_SPEEDS = (0.25, 0.0625)
# The part of the picture that holds the number, as shares of it: left, top, width, height.
_STRIP, _QR = (0.0, 0.0, 1.0, 0.22), (0.09, 0.24, 0.3, 0.52)
_PAGE = """() => {
window.load = async (type, files) => {
  document.body.innerHTML = "<video muted></video>";
  window.video = document.querySelector("video");
  const source = new MediaSource();
  const opened = new Promise((done) => source.addEventListener("sourceopen", done, {once: true}));
  video.src = URL.createObjectURL(source);
  await opened;
  const buffer = source.addSourceBuffer(type);
  for (const file of files) {
    const data = await (await fetch(file)).arrayBuffer();
    const taken = new Promise((done) => buffer.addEventListener("updateend", done, {once: true}));
    buffer.appendBuffer(data);
    await taken;
  }
  source.endOfStream();
};
window.shot = ([left, top, width, height]) => {
  const canvas = document.createElement("canvas"), {videoWidth, videoHeight} = video;
  canvas.width = Math.round(videoWidth * width);
  canvas.height = Math.round(videoHeight * height);
  const place = [videoWidth * left, videoHeight * top, videoWidth * width, videoHeight * height];
  canvas.getContext("2d").drawImage(video, ...place, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.95);
};
window.at = async (seconds, part) => {
  const seeked = new Promise((done) => video.addEventListener("seeked", done, {once: true}));
  const shown = new Promise((done) => video.requestVideoFrameCallback(done));
  video.currentTime = seconds;
  await seeked;
  await Promise.race([shown, new Promise((done) => setTimeout(done, 1000))]);
  return shot(part);
};
window.begin = (height) => {
  const manifest = player.url;
  player.destroy();
  player = new Hls({autoStartLoad: false, maxBufferLength: 0.3, maxMaxBufferLength: 0.3});
  window.rung = (height) => player.levels.findIndex((level) => level.height === height);
  player.on(Hls.Events.ERROR, (_, data) => probe.errors.push(data.details));
  player.once(Hls.Events.MANIFEST_PARSED, () => {
    player.loadLevel = rung(height);
    player.startLoad(0);
  });
  video.autoplay = false;
  player.loadSource(manifest);
  player.attachMedia(video);
};
window.slowly = async (rate, part, start, end) => {
  await at(start, part);
  const seen = [], over = new Promise((done) => {
    const look = (_, told) => {
      seen.push({time: told.mediaTime, presented: told.presentedFrames, picture: shot(part)});
      if (told.mediaTime < end) video.requestVideoFrameCallback(look);
      else done();
    };
    video.requestVideoFrameCallback(look);
  });
  video.playbackRate = rate;
  await video.play();
  await over;
  video.pause();
  return seen;
};
}"""


@dataclass(frozen=True)
class Clip:
    """An encoded clip. part holds the number that read reads, and first is the first frame's."""

    folder: Path
    rate: Fraction
    frames: int
    part: tuple[float, float, float, float]
    read: Callable[[Image.Image], int]
    heights: tuple[int, int]
    renditions: list[dict[str, Any]]
    first: int = 0


def _blocks(image: Image.Image) -> int:
    strip = image.convert("L").resize((_BITS, 1), Image.Resampling.BOX)
    return sum(1 << (_BITS - 1 - bit) for bit, value in enumerate(strip.tobytes()) if value > 127)


def _qr(image: Image.Image) -> int:
    (code,) = zxingcpp.read_barcodes(image.convert("L"))
    return int(code.text.split(";")[2])


def _drawn(place: Path) -> Clip:
    bits = f"lum='if(mod(floor(N/pow(2,{_BITS - 1}-floor(X/2))),2),235,16)':cb=128:cr=128"
    graph = (
        "[0:v]negate=enable='lt(mod(t,5),2.5)'[film];"
        f"[1:v]format=yuv444p,geq={bits},scale=640:80:flags=neighbor[code];[film][code]overlay,format=yuv420p[v]"
    )
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=duration={_DRAWN_SECONDS}:size=640x360:rate=30000/1001"),
        *("-f", "lavfi", "-i", f"color=black:duration={_DRAWN_SECONDS}:size={2 * _BITS}x2:rate=30000/1001"),
        *tone(_DRAWN_SECONDS),
        *(
            "-filter_complex",
            graph,
            "-map",
            "[v]",
            "-map",
            "2:a",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
        ),
        place / "film.mp4",
    )
    report = encode_folder(place / "film.mp4", place / "out", ladder="fixed")
    return Clip(
        place / "out", Fraction(30_000, 1001), report["frames"], _STRIP, _blocks, (240, 360), report["renditions"]
    )


def _wave(place: Path) -> Clip:
    if not _WAVE.exists():
        pytest.skip(f"no clip of CTA WAVE: {_WAVE} is not there")
    # Smaller and shorter, because it is its numbers that are looked at.
    small = ("-t", str(_WAVE_SECONDS), "-vf", "scale=1280:720", *H264, "-crf", "12", "-c:a", "copy")
    ffmpeg("-i", _WAVE, *small, place / "film.mp4")
    report = encode_folder(place / "film.mp4", place / "out", ladder="fixed")
    return Clip(place / "out", Fraction(30_000, 1001), report["frames"], _QR, _qr, (480, 720), report["renditions"])


@pytest.fixture(scope="module", params=[_drawn, _wave], ids=["drawn", "wave"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    made: Clip = request.param(tmp_path_factory.mktemp("frames"))
    first = made.folder / "first.png"
    ffmpeg("-i", made.folder / "v240" / "main.m3u8", "-frames:v", "1", "-vf", "scale=iw*3:ih*3", first)
    with Image.open(first) as image:
        left, top, width, height = made.part
        wide, high = image.size
        box = (left * wide, top * high, (left + width) * wide, (top + height) * high)
        number = made.read(image.crop(box))
    return replace(made, first=number)


def _number(clip: Clip, picture: str) -> int:
    with Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))) as image:
        return clip.read(image) - clip.first


def _opened(browser: Browser, address: str, clip: Clip) -> Page:
    """A page that has all of the clip, each segment from another rung than the one before, as a player changes rungs.

    hls.js changes where its buffer stands just then; here every seam is a change, and the same ones each time.
    """
    folders = [f"v{height}" for height in clip.heights]
    segments = sorted(path.name for path in (clip.folder / folders[0]).glob("*.m4s"))
    turns = [folders[place % 2] for place in range(len(segments))]
    files = [[f"{folder}/init.mp4", f"{folder}/{name}"] for folder, name in zip(turns, segments, strict=True)]
    codecs = [one["codecs"] for one in clip.renditions if one["name"] == f"{max(clip.heights)}p"]
    page = fresh_page(browser)
    page.goto(f"{address}/")
    page.evaluate(_PAGE)
    page.evaluate(
        "load(...{})".format(
            json.dumps([f'video/mp4; codecs="{codecs[0]}"', [file for pair in files for file in pair]])
        )
    )
    end = clip.frames / float(clip.rate)
    buffered = page.evaluate("[video.buffered.length, video.buffered.start(0), video.buffered.end(0)]")
    assert buffered == [1, pytest.approx(0, abs=0.01), pytest.approx(end, abs=0.05)]
    return page


def _seams(clip: Clip) -> list[float]:
    """When one segment ends and the next begins, in seconds."""
    lengths = re.findall(r"#EXTINF:([0-9.]+)", (clip.folder / f"v{min(clip.heights)}" / "main.m3u8").read_text())
    seams = list(accumulate(map(float, lengths)))[:-1]
    assert seams
    return seams


def test_every_frame_is_at_its_place_whatever_rung_it_came_from(browser: Browser, clip: Clip) -> None:
    with served(clip.folder) as address:
        page = _opened(browser, address, clip)
        shown, sizes = [], set()
        for number in range(clip.frames):
            seconds = float((number + Fraction(1, 2)) / clip.rate)
            shown.append(_number(clip, page.evaluate(f"at({seconds}, {list(clip.part)})")))
            for _ in range(_LOOKS):
                if shown[-1] == number:
                    break
                # A busy machine draws late what it has found; a wrong picture stays.
                page.wait_for_timeout(100)
                shown[-1] = _number(clip, page.evaluate(f"shot({list(clip.part)})"))
            sizes.add(page.evaluate("video.videoHeight"))
        assert shown == list(range(clip.frames))
        assert sizes == set(clip.heights)
        page.context.close()


def test_frames_that_play_over_a_seam_come_in_order_and_none_twice(browser: Browser, clip: Clip) -> None:
    with served(clip.folder) as address:
        page = _opened(browser, address, clip)
        for seam in _seams(clip):
            start, end = seam - _AROUND_SECONDS, seam + _AROUND_SECONDS
            seen = []
            for speed in _SPEEDS:
                seen = page.evaluate(f"slowly({speed}, {list(clip.part)}, {start}, {end})")
                if len(seen) > _AROUND_SECONDS * clip.rate:
                    break
            assert len(seen) > _AROUND_SECONDS * clip.rate, "most of the frames were never presented"
            _in_order(clip, seen)
        page.context.close()


@pytest.mark.parametrize("turn", [1, -1], ids=["up", "down"])
def test_frames_come_in_order_when_hls_js_itself_changes_rungs(
    turn: int, browser: Browser, clip: Clip, foreign_page: str
) -> None:
    before, after = clip.heights[::turn]
    seam = _seams(clip)[0]
    with served(clip.folder) as address:
        page = folder_player(browser, foreign_page, "hls.js", address)
        page.evaluate(_PAGE)
        page.wait_for_function("window.player?.levels?.length > 1 && video.readyState > 2")
        page.evaluate(f"begin({before})")
        # Of one rung it has the first segment, and asks for the second as late as it may; the sound may end sooner.
        held = f"video.buffered.length === 1 && Math.abs(video.buffered.end(0) - {seam}) < 0.3"
        page.wait_for_function(f"{held} && video.videoHeight === {before}")
        page.evaluate(f"player.loadLevel = rung({after})")
        seen = []
        for speed in _SPEEDS:
            seen = page.evaluate(
                f"slowly({speed}, {list(clip.part)}, {seam - _AROUND_SECONDS}, {seam + _AROUND_SECONDS})"
            )
            if len(seen) > _AROUND_SECONDS * clip.rate:
                break
        assert page.evaluate("video.videoHeight") == after
        _in_order(clip, seen)
        assert true_errors(page) == []
        page.context.close()


def _in_order(clip: Clip, seen: list[dict[str, Any]]) -> None:
    told = [float(one["time"] * clip.rate) for one in seen]
    numbers = [round(one) for one in told]
    # Every picture that was presented is a frame of the film, at that frame's time.
    assert max(abs(one - number) for one, number in zip(told, numbers, strict=True)) < 0.05
    for earlier, later in pairwise(seen):
        frames = round((later["time"] - earlier["time"]) * clip.rate)
        # A busy machine drops some, which are then not presented; none is presented twice or out of turn.
        assert 0 < later["presented"] - earlier["presented"] <= frames
    shown = [_number(clip, one["picture"]) for one in seen]
    assert shown == sorted(shown)
    # The canvas may be a frame ahead of what it was called for.
    assert {drawn - number for drawn, number in zip(shown, numbers, strict=True)} <= {0, 1}
