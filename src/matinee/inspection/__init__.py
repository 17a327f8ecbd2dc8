"""What a source holds, and whether it is taken."""
