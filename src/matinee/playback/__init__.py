"""One play: its ranked edges, its manifests, its positions and its quality."""
