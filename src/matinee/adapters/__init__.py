"""Where real systems plug in: one file a port and engine."""
