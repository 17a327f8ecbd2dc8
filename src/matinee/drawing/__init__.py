"""Draws what nobody filmed: the demo's own films, with their sound, posters, thumbnails, and letters on pictures."""
