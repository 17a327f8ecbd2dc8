"""Composition roots: settings in, a wired process out."""
