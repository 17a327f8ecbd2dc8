"""Experiments: who sees what, what came of it and what may be said; bandits, their estimates, and shadow replays."""
