"""A track alone is listened to at its own times."""

import subprocess
from pathlib import Path

import numpy as np

from matinee.spans.fingerprints import sound_command
from matinee.spans.words import RATE_HZ
from sources import TOOLS, ffmpeg


def test_sound_that_begins_late_is_heard_late(tmp_path: Path) -> None:
    tone, late, heard = tmp_path / "tone.mp4", tmp_path / "late.mp4", tmp_path / "heard.raw"
    ffmpeg("-f", "lavfi", "-i", "sine=440:duration=3", "-c:a", "aac", tone)
    ffmpeg("-itsoffset", "0.7", "-i", tone, "-c", "copy", late)
    subprocess.run(sound_command(TOOLS.ffmpeg, late, heard), check=True, capture_output=True)
    first = np.flatnonzero(np.abs(np.fromfile(heard, np.int16)) > 500)[0] / RATE_HZ
    assert abs(first - 0.7) < 0.1
