"""How the recommender is taught: lessons out of the log, and the gate that a new ranker passes."""
