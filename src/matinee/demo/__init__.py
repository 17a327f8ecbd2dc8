"""The whole service on one machine, with films of its own: the demo, and what it is checked by."""
