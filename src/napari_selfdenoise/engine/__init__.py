"""How things run: training, prediction, models. Knows Method, not methods."""

import os

# OpenMP's threads spin while they wait, by default. On a machine that does anything else
# (a viewer, another job) they then take the time from each other: training was measured
# four times slower so. It must be said before torch is imported; a user's own value stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
