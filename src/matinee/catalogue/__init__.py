"""What there is to watch: titles, their lifecycle, search."""
