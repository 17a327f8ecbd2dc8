"""What an encode came to: a report for each, of which the studio and ``matinee encode`` draw the same page."""
