"""What viewers may pass over in an episode: its recap, its intro, its credits; found, and said by operators."""
