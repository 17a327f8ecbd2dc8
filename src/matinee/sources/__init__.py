"""Sources: mezzanines that are promised, uploaded and taken in."""
