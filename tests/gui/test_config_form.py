"""A form shows settings exactly, and nothing else."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import pytest
from superqt import QCollapsible

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.gui.config_form import ConfigForm
from napari_selfdenoise.gui.run_settings import RunSettings
from napari_selfdenoise.methods import METHODS, get


@dataclass(frozen=True, kw_only=True)
class EveryKind(Config):
    rate: float = setting(4e-4, low=1e-7, high=1.0, step=1e-4, help="Small steps.")
    finer: float = setting(0.00025, low=0.0, high=1.0, step=0.01, help="Finer than its step.")
    large: int = setting(50_000, low=0, high=10_000_000, help="A large number.")
    choice: Literal["auto", "on", "off"] = setting("auto", help="A choice.")
    flag: bool = setting(True, help="A flag.", advanced=True)
    presets: ClassVar = {"fast": {"large": 10, "flag": False}}


CONFIGS = [EveryKind, RunSettings, *(get(name).Config for name in METHODS)]


@pytest.fixture(params=CONFIGS, ids=lambda config: config.__name__)
def config_class(request):
    return request.param


@pytest.fixture
def form(qtbot, config_class):
    form = ConfigForm(config_class)
    qtbot.addWidget(form)
    return form


def test_a_new_form_holds_the_defaults(form, config_class):
    assert form.value == config_class()


def test_every_preset_survives_the_form(form, config_class):
    for preset in config_class.presets:
        form.set_value(config_class.from_preset(preset))
        assert form.value == config_class.from_preset(preset)


def test_bounds_survive_the_form(form, config_class):
    for end in ("minimum", "maximum"):
        for declared in config_class.settings():
            bound = getattr(declared, end)
            if bound is not None:
                config = replace(config_class(), **{declared.name: bound})
                form.set_value(config)
                assert form.value == config


def test_reset_returns_to_the_defaults(form, config_class):
    changed = {
        declared.name: declared.choices[-1]
        if declared.choices
        else (not declared.default if declared.type is bool else declared.maximum)
        for declared in config_class.settings()
    }
    form.set_value(config_class(**changed))
    form.reset()
    assert form.value == config_class()


@pytest.fixture
def every_kind(qtbot):
    form = ConfigForm(EveryKind)
    qtbot.addWidget(form)
    return form


def test_a_value_finer_than_the_step_is_kept(every_kind):
    every_kind.set_value(EveryKind(rate=0.000123456, finer=1e-5))
    assert every_kind.value == EveryKind(rate=0.000123456, finer=1e-5)


def test_changes_are_announced_once(every_kind):
    heard = []
    every_kind.changed.connect(heard.append)
    every_kind.set_value(EveryKind(large=7, choice="off"))
    assert heard == [EveryKind(large=7, choice="off")]


def test_the_preset_menu_says_what_is_set(every_kind):
    menu = every_kind._presets
    assert menu.currentText() == "defaults"
    every_kind.set_value(EveryKind.from_preset("fast"))
    assert menu.currentText() == "fast"
    every_kind.set_value(EveryKind(large=7))
    assert menu.currentText() == "own choice"
    menu.setCurrentText("fast")
    menu.activated.emit(menu.currentIndex())
    assert every_kind.value == EveryKind.from_preset("fast")


def test_advanced_settings_are_folded(every_kind):
    fold = every_kind.findChild(QCollapsible)
    assert not fold.isExpanded()
    assert fold.isAncestorOf(every_kind._fields["flag"].native)
    assert not fold.isAncestorOf(every_kind._fields["rate"].native)


def test_the_tooltip_is_the_settings_own_sentence(every_kind):
    for declared in EveryKind.settings():
        assert every_kind._fields[declared.name].native.toolTip() == declared.description


def test_a_box_to_check_does_not_repeat_its_title(qtbot):
    form = ConfigForm(EveryKind)
    qtbot.addWidget(form)
    assert form._fields["flag"].native.text() == ""
