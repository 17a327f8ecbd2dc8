"""A film comes in and leaves as renditions in a ladder, packaged once for HLS and DASH."""
