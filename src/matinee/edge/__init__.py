"""One box near the viewers: holds segments, fills from the origin, serves, reports."""
