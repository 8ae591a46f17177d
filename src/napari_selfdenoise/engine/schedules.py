"""How the learning rate falls in a stage of training."""

import math
from collections.abc import Callable

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "halve": lambda done: 1.0 if done < 0.75 else 0.5,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * min(done, 1.0))),
    "linear": lambda done: 1.0 if done < 0.5 else max(2 * (1 - done), 0.0),
    "plateau": lambda done: 1.0,
    "fifths": lambda done: 1.0 if done < 0.3 else 0.2 if done < 0.6 else 0.04,
}
"""Share of a stage that is done -> factor of the learning rate."""
