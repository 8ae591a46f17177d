from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import pytest

from napari_selfdenoise.core.config import Config, setting, with_default
from napari_selfdenoise.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Example(Config):
    steps: int = setting(100, low=1, high=500, help="Steps.")
    rate: float = setting(4e-4, low=0, high=1, step=1e-4, help="Rate.", title="Speed")
    smooth: bool = setting(True, help="Smooth.")
    mode: Literal["fast", "good"] = setting("good", help="Mode.", advanced=True)
    presets: ClassVar = {"quick": {"steps": 5}}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 to 500"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"steps": True}, "steps is True"),
        ({"rate": "fast"}, "rate is 'fast'; it must be a number from 0 to 1"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"smooth": 1}, "smooth is 1; it must be true or false"),
        ({"mode": "best"}, "mode is 'best'; it must be fast, good"),
        ({"step": 3}, "No setting 'step'. Did you mean 'steps'"),
    ],
)
def test_wrong_values_get_a_sentence(values, sentence):
    with pytest.raises(ConfigError) as error:
        Example.from_json(values)
    assert sentence in str(error.value)


def test_changed_copies_are_checked_too():
    with pytest.raises(ConfigError):
        replace(Example(), steps=-1)


def test_values_come_in_the_type_of_the_setting():
    assert type(Example(rate=1).rate) is float
    assert type(Example(steps=3.0).steps) is int


def test_what_is_typed_on_a_command_line():
    typed = {"steps": "7", "rate": "1e-3", "smooth": "no", "mode": "fast"}
    expected = Example(steps=7, rate=1e-3, smooth=False, mode="fast")
    assert Example.from_strings(typed) == expected
    assert Example.from_strings({"rate": "0.5"}, preset="quick") == Example(steps=5, rate=0.5)
    with pytest.raises(ConfigError, match="smooth is 'perhaps'"):
        Example.from_strings({"smooth": "perhaps"})


def test_an_unknown_preset_offers_those_there_are():
    with pytest.raises(ConfigError, match=r"No preset 'slow'\. There is quick\."):
        Example.from_preset("slow")


def test_settings_say_all_a_form_needs():
    steps, rate, smooth, mode = Example.settings()
    assert (steps.title, rate.title) == ("Steps", "Speed")
    assert mode.choices == ("fast", "good")
    assert mode.advanced
    assert not smooth.choices
    assert rate.step == 1e-4


def test_a_setting_must_be_declared_whole():
    with pytest.raises(TypeError, match="low and high"):
        setting(1, help="No bounds.")
    with pytest.raises(TypeError, match="step"):
        setting(0.5, low=0, high=1, help="A spin box would round it.")


def test_an_inherited_setting_may_have_another_default():
    @dataclass(frozen=True, kw_only=True)
    class Special(Example):
        steps: int = with_default(Example, "steps", 7)

    assert Special().steps == 7
    assert [each.name for each in Special.settings()] == [
        each.name for each in Example.settings()
    ]
    assert replace(Special.settings()[0], default=100) == Example.settings()[0]
