"""Looking at noise and results."""
