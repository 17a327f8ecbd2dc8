"""Starts real engines on this machine: for the tests, for benchmarks and for ``make demo ENGINES=real``.

A file an engine. Each offers ``find()``, which is None where the engine is not installed, and a context manager that
starts servers of its own in a folder of its own, on free loopback ports, and stops them.
"""
