"""Suggestions for mistyped names."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which known names are nearest to `name`, or list them all.

    Returns a sentence such as ``"Did you mean 'steps'?"``.
    """
    known = sorted(known)
    near = get_close_matches(name.lower(), known, n=2, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(repr(match) for match in near)}?"
    return f"There is {', '.join(known)}." if known else "There is none."
