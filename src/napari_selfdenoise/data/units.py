"""Unit names: how files spell them and how everybody here does.

Inside, a unit is a word as napari and pint write it: ``"micrometer"``, ``"second"``,
``"pixel"`` where none is known.
"""

_SPELLINGS = {
    "angstrom": ("Å", "Å", "a", "angstrom", "angstroms"),
    "picometer": ("pm", "picometer", "picometre"),
    "nanometer": ("nm", "nanometer", "nanometre", "nanometers"),
    "micrometer": (
        "µm",
        "μm",
        "um",
        "micron",
        "microns",
        "micrometer",
        "micrometre",
        "micrometers",
    ),
    "millimeter": ("mm", "millimeter", "millimetre"),
    "centimeter": ("cm", "centimeter", "centimetre"),
    "meter": ("m", "meter", "metre"),
    "inch": ("in", "inch", "inches"),
    "microsecond": ("µs", "μs", "us", "usec", "microsecond"),
    "millisecond": ("ms", "msec", "millisecond", "milliseconds"),
    "second": ("s", "sec", "secs", "second", "seconds"),
    "minute": ("min", "mins", "minute", "minutes"),
    "hour": ("h", "hr", "hour", "hours"),
    "day": ("d", "day", "days"),
}
_NAMES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}

_LENGTHS = {
    "angstrom": 1e-10,
    "picometer": 1e-12,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "meter": 1.0,
    "inch": 0.0254,
}
"""Metres in one unit."""
_TIMES = frozenset({"microsecond", "millisecond", "second", "minute", "hour", "day"})


def unit_name(spelled: str) -> str:
    """Return the name of a unit as a file spells it; ``"pixel"`` if it is unknown."""
    # ImageJ writes the micro sign as six characters.
    text = spelled.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    return _NAMES.get(text) or _NAMES.get(text.lower(), "pixel")


def ome_symbol(unit: str, axis: str) -> str | None:
    """Return how OME spells `unit` along `axis`; ``None`` where OME has no place for it."""
    if axis == "T":
        return _SPELLINGS[unit][0] if unit in _TIMES else None
    if axis in "ZYX":
        return _SPELLINGS[unit][0] if unit in _LENGTHS else "pixel"
    return None


def meters(unit: str) -> float | None:
    """Return the metres in one `unit`; ``None`` if it is not a length."""
    return _LENGTHS.get(unit)
