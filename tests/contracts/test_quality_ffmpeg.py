"""FFmpeg with libvmaf: what is measured is what was asked for, frame by frame."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from matinee.ladder.quality import FrameQuality, Reference, mean_quality, quality_command, read_quality

_FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
_FRAMES = 26
_PICTURE = ("-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=25:start_scale=0.4")


def _encode(path: Path, crf: int, size: str) -> Path:
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", str(crf)]
    command = [*_PICTURE, "-frames:v", str(_FRAMES), "-vf", f"scale={size},format=yuv420p", *encoder, str(path)]
    subprocess.run([_FFMPEG, "-v", "error", *command], check=True)
    return path


def _measure(folder: Path, encoded: Path, every: int = 3) -> tuple[FrameQuality, ...]:
    folder.mkdir(exist_ok=True)
    log = folder / "log.json"
    reference = Reference(_PICTURE, "format=yuv420p", 320, 180, _FRAMES)
    command = quality_command(_FFMPEG, reference, ("-i", str(encoded)), log, every)
    subprocess.run(command, check=True, capture_output=True)
    return read_quality(log.read_text(), _FRAMES, every)


def test_more_bits_and_more_pixels_look_better(tmp_path: Path) -> None:
    means = [
        mean_quality([one.vmaf for one in _measure(tmp_path, _encode(tmp_path / f"{crf}-{size}.mp4", crf, size))])
        for crf, size in ((40, "160:90"), (16, "160:90"), (16, "320:180"))
    ]
    assert means == sorted(means)
    assert means[-1] > 90


@pytest.mark.parametrize("step", [2, 3, 4, 5, 6, 12])
def test_what_is_left_out_does_not_change_what_is_measured(tmp_path: Path, step: int) -> None:
    encoded = _encode(tmp_path / "encode.mp4", 30, "160:90")
    every = {one.frame: one for one in _measure(tmp_path, encoded, every=1)}
    some = _measure(tmp_path, encoded, every=step)
    assert [one.frame for one in some] == list(range(step, _FRAMES, step))
    assert all(every[one.frame] == one for one in some)


@pytest.mark.parametrize("name", ["plain", "it's: [a] b,c;d\\e"])
def test_a_log_may_lie_anywhere(tmp_path: Path, name: str) -> None:
    encoded = _encode(tmp_path / "encode.mp4", 30, "160:90")
    assert len(_measure(tmp_path / name, encoded)) == 8
