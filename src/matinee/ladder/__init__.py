"""Which rungs a film gets, and how good each is."""
