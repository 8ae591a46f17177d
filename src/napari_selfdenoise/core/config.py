"""Settings that are declared once.

A method's settings are a frozen dataclass whose fields are made with `setting`. From
that one line come the form in the viewer, the flag on the command line, the JSON in a
saved model and the table in the docs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from napari_selfdenoise.core.errors import ConfigError
from napari_selfdenoise.core.names import did_you_mean

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def setting(
    default: Any,
    *,
    help: str,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    title: str | None = None,
    advanced: bool = False,
) -> Any:
    """Declare one setting: its default, its bounds and one sentence.

    Parameters
    ----------
    default : bool, int, float or str
        The value a user gets who changes nothing.
    help : str
        One sentence for a microscopist; it becomes the tooltip and the CLI help.
    low, high : float, optional
        Inclusive bounds; a numeric setting needs both.
    step : float, optional
        Increment of the spin box; a float setting needs it, because a spin box rounds
        to the decimals of its step.
    title : str, optional
        Label in the form; the field's name with spaces if omitted.
    advanced : bool
        Whether the form folds it away.
    """
    numeric = isinstance(default, (int, float)) and not isinstance(default, bool)
    if numeric and (low is None or high is None):
        raise TypeError("a numeric setting needs low and high")
    if isinstance(default, float) and step is None:
        raise TypeError("a float setting needs a step: spin boxes round to its decimals")
    # The keys are magicgui's words, so that the form needs no translation.
    metadata = {
        "description": help,
        "minimum": low,
        "maximum": high,
        "step": step,
        "title": title,
        "advanced": advanced,
    }
    return field(default=default, metadata=metadata)


def with_default(config: type[Config], name: str, default: Any) -> Any:
    """Declare an inherited setting again with another default, and nothing else changed."""
    (inherited,) = (each for each in fields(config) if each.name == name)
    return field(default=default, metadata=inherited.metadata)


@dataclass(frozen=True)
class Setting:
    """One declared setting, as the form, the command line and the docs read it."""

    name: str
    type: Any
    default: Any
    description: str
    minimum: float | None
    maximum: float | None
    step: float | None
    title: str
    advanced: bool

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words of a setting that chooses between words, else empty."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def allowed(self) -> str:
        """The allowed values in words, for error messages and tables."""
        if self.choices:
            return ", ".join(self.choices)
        if self.type is bool:
            return "true or false"
        if self.type is str:
            return "a text"
        kind = "a whole number" if self.type is int else "a number"
        return f"{kind} from {_plain(self.minimum)} to {_plain(self.maximum)}"

    def check(self, value: Any) -> Any:
        """Return `value` in the setting's type, or raise `ConfigError`."""
        wrong = ConfigError(f"{self.name} is {value!r}; it must be {self.allowed}.")
        if self.choices:
            if value not in self.choices:
                raise wrong
            return value
        if self.type is bool:
            if not isinstance(value, bool):
                raise wrong
            return value
        if self.type is str:
            if not isinstance(value, str):
                raise wrong
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong
        if not math.isfinite(value) or (self.type is int and value != int(value)):
            raise wrong
        number = self.type(value)
        if not self.minimum <= number <= self.maximum:
            raise wrong
        return number

    def parse(self, text: str) -> Any:
        """Return the value that `text` spells, as typed on a command line."""
        value: Any = text
        if self.type is bool:
            word = text.strip().lower()
            value = True if word in _TRUE else False if word in _FALSE else text
        elif not self.choices and self.type is not str:
            try:
                value = float(text)
            except ValueError:
                value = text
        return self.check(value)


def _plain(number: float | None) -> str:
    """Write a bound as a person would: 1000000, not 1e+06."""
    return f"{number:.0f}" if number is not None and number == int(number) else f"{number:g}"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of all settings: checked when made, compared by value, never changed."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named sets of values that differ from the defaults."""

    def __post_init__(self) -> None:
        for declared in self.settings():
            value = declared.check(getattr(self, declared.name))
            object.__setattr__(self, declared.name, value)

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """Every declared setting in the order of declaration, base classes first."""
        hints = get_type_hints(cls)
        declared = []
        for each in fields(cls):
            if each.default is MISSING or "description" not in each.metadata:
                raise TypeError(f"{cls.__name__}.{each.name} is not made with setting()")
            options = dict(each.metadata)
            options["title"] = options["title"] or each.name.replace("_", " ").capitalize()
            declared.append(
                Setting(name=each.name, type=hints[each.name], default=each.default, **options)
            )
        return tuple(declared)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from plain values; unknown names raise `ConfigError`."""
        cls._check_names(values)
        return cls(**values)

    @classmethod
    def from_file(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from those in a model's file, which may be older than some of them."""
        return cls.from_json(values)

    @classmethod
    def from_strings(cls, values: Mapping[str, str], preset: str | None = None) -> Self:
        """Make settings from what a user typed, starting from a preset."""
        cls._check_names(values)
        declared = {each.name: each for each in cls.settings()}
        typed = {name: declared[name].parse(text) for name, text in values.items()}
        return cls.from_preset(preset, typed)

    @classmethod
    def from_preset(cls, preset: str | None, changes: Mapping[str, Any] | None = None) -> Self:
        """Make the settings of a preset (``None``: the defaults), with `changes` on top."""
        if preset is not None and preset not in cls.presets:
            raise ConfigError(f"No preset {preset!r}. {did_you_mean(preset, cls.presets)}")
        start = cls.presets[preset] if preset is not None else {}
        return cls.from_json({**start, **(changes or {})})

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values, ready for `json.dumps`."""
        return {each.name: getattr(self, each.name) for each in self.settings()}

    def __str__(self) -> str:
        return json.dumps(self.to_json())

    @classmethod
    def _check_names(cls, names: Mapping[str, Any]) -> None:
        known = [each.name for each in cls.settings()]
        for name in names:
            if name not in known:
                raise ConfigError(f"No setting {name!r}. {did_you_mean(name, known)}")


@dataclass(frozen=True, kw_only=True)
class SigmaConfig(Config):
    """Settings of a method that needs to know how strong the noise is."""

    sigma: float = setting(
        0.0,
        low=0.0,
        high=1e6,
        step=0.01,
        help="Standard deviation of the noise in the image's intensities; 0 estimates it.",
    )
