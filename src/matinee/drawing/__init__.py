"""Draws what nobody filmed: the demo's own films, with their sound, and letters on pictures."""
