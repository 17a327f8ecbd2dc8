"""CMAF files read and described: segments, manifests, text."""
