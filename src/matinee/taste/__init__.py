"""What is known of tastes, learned event by event: pure, in memory, and nothing of pages."""
