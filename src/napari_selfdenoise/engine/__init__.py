"""How things run: training, prediction, models. Knows Method, not methods."""

import os

# GNU OpenMP's threads spin long while they wait. On a machine that does anything else (a
# viewer, another job) they take the time from each other: training was measured four times
# slower so. A short spin costs nothing alone (two threads, two cores: 5.2 s as with a long
# one, 6.4 s with none) and little in company (13.5 s for each of two trainings, 11.3 s with
# none, 18.5 s with a longer one). It must be said before torch is imported; a user's own
# choice stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
