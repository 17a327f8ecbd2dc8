"""What FFmpeg is told: command lines and filter graphs, built of frozen values. Pure."""
