"""How things run: training, prediction, models. Knows Method, not methods."""
