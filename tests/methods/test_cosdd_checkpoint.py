"""Checkpoints of the published code of COSDD: read as they are, or refused with a sentence."""

import json
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import yaml

from napari_selfdenoise import apply, load, save
from napari_selfdenoise.cli import main
from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.gui.model_runs import loading
from napari_selfdenoise.nn.published import networks
from tests.nn.published_weights import decoder, direct_denoiser, drawn, signal, vae
from tests.running import noisy

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = SHARED / "golden" / "cosdd"
CROP, LEVELS = 8, (True, True)


def options(**changes):
    """Return what the published code writes as training-config.yaml."""
    written = {
        "model-name": "my_denoiser",
        "data": {
            "paths": ["data"],
            "patterns": ["*.tif"],
            "axes": "SYX",
            "number-dimensions": 2,
            "patch-size": None,
            "clip-outliers": False,
        },
        "train-parameters": {
            "max-time": "00:12:00:00",
            "max-epochs": 1000,
            "patience": 50,
            "batch-size": 4,
            "number-grad-batches": 2,
            "crop-size": [CROP, CROP],
            "training-split": 0.9,
            "monte-carlo-kl": False,
            "use-direct-denoiser": False,
            "direct-denoiser-loss": "MSE",
        },
        "hyper-parameters": {
            "s-code-channels": 4,
            "number-layers": len(LEVELS),
            "scale-initialisation": False,
            "number-gaussians": 3,
            "noise-direction": "x",
        },
        "memory": {"precision": "bf16-mixed", "checkpointed": True, "gpu": [0]},
    }
    for section in written.values():
        for name in set(section) & set(changes) if isinstance(section, dict) else ():
            section[name] = changes.pop(name)
    written["hyper-parameters"] |= changes
    return written


def weights(direction="x", channels=1, *, direct=False, components=3):
    """Return random weights with the published names, of the published noise model's size."""
    filters = -(-64 // channels) * channels
    parts = {
        "vae": vae(channels, LEVELS, 2),
        "ar_decoder": decoder(channels, direction, components, 2, filters),
        "s_decoder": signal(channels, 2),
        "direct_denoiser": direct_denoiser(channels, LEVELS, 2) if direct else {},
    }
    shapes = {f"{part}.{n}": shape for part, each in parts.items() for n, shape in each.items()}
    return drawn(shapes, torch.Generator().manual_seed(1))


def write(folder, state, written=None, **changes):
    """Write a checkpoint as Lightning does, and the options beside it; return its path."""
    channels = state["vae.first_bottom_up.0.conv.weight"].shape[1]
    statistics = {
        "data_mean": torch.full((1, channels, 1, 1), 100.0, dtype=torch.bfloat16),
        "data_std": torch.full((1, channels, 1, 1), 36.0, dtype=torch.bfloat16),
    }
    content = {
        "epoch": 3,
        "global_step": 24,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": OrderedDict({**state, **statistics}),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 3}}}},
        "callbacks": {"EarlyStopping{'monitor': 'elbo/val'}": {"best_score": torch.zeros(())}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(8.0)}}, "param_groups": []}],
        "lr_schedulers": [{"best": 0.5, "last_epoch": 3}],
        "hparams_name": "kwargs",
        "hyper_parameters": {**statistics, "n_grad_batches": 2, "checkpointed": True},
    }
    path = folder / "final_model.ckpt"
    torch.save(content | changes, path)
    text = yaml.dump(options() if written is None else written)
    (folder / "training-config.yaml").write_text(text, encoding="utf-8")
    return path


@torch.no_grad()
def outputs(parts, image):
    """Return code, mixtures, signal and what the direct denoiser makes of an image."""
    encoder = parts["encoder"].eval()
    draws = encoder.draws(len(image), image.shape[2:], torch.Generator().manual_seed(3))
    code, _ = encoder(image, draws)
    found = [code, parts["noise"](image, code), parts["signal"](code)]
    return [*found, parts["direct"].eval()(image)] if parts.get("direct") else found


@pytest.mark.parametrize(
    ("direction", "channels", "direct"), [("x", 1, True), ("y", 3, False), ("none", 1, False)]
)
def test_the_networks_are_those_of_the_checkpoint(tmp_path, direction, channels, direct):
    state = weights(direction, channels, direct=direct)
    changes = {"noise-direction": direction, "use-direct-denoiser": direct}
    model = load(write(tmp_path, state, options(**changes)))
    image = torch.randn(2, channels, 16, 12, generator=torch.Generator().manual_seed(2))
    expected = outputs(networks(state, direction), image)
    found = outputs(dict(model.members[0].network.named_children()), image)
    assert len(found) == 3 + direct
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)
    assert model.channels == channels


@pytest.mark.skipif(not GOLDEN.exists(), reason="the reference's golden data are not here")
@pytest.mark.parametrize("case", ["x_l3_c8", "none_l3_c8", "x_l8_c8_crop64"])
def test_a_checkpoint_gives_what_the_reference_gave(tmp_path, case):
    settings = json.loads((GOLDEN / f"{case}.json").read_text())
    with np.load(GOLDEN / f"{case}.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    state = {n.removeprefix("state/"): v for n, v in arrays.items() if "state/" in n}
    model = load(write(tmp_path, state, settings))
    network = model.members[0].network
    draws = [arrays[f"eps/{level}"] for level in range(len(network.encoder.halves))]
    with torch.no_grad():
        code, divergences = network.encoder(arrays["x"], draws)
    away = (code - arrays["s_code"]).abs().max() / arrays["s_code"].std()
    assert away < 1e-5
    assert divergences.sum().item() == pytest.approx(arrays["kl_sum"].item(), rel=1e-5)


def test_it_denoises_and_is_saved_as_a_model_of_ours(tmp_path):
    state, image = weights(direct=True), noisy((20, 17))
    path = write(tmp_path, state, options(**{"use-direct-denoiser": True}))
    how = {"device": "cpu", "sampling": {"samples": 3, "keep_samples": 2}, "seed": 4}
    result = apply(path, image, **how)
    assert result["samples"].data.shape == (2, 20, 17)
    for name in ("denoised", "direct", "posterior_std"):
        assert np.isfinite(result[name].data).all()
    model = load(path)
    saved = save(model, tmp_path / "cells")
    again = apply(saved, image, **how)
    for name in ("denoised", "direct", "samples"):
        np.testing.assert_array_equal(again[name].data, result[name].data)
    assert load(saved).provenance == model.provenance
    assert "final_model.ckpt" in model.provenance.notes[0]


def test_settings_and_provenance_are_those_of_the_checkpoint(tmp_path):
    written = options(**{"number-gaussians": 2, "clip-outliers": True})
    model = load(write(tmp_path, weights(components=2), written))
    config = model.config
    assert (config.features, config.levels, config.patch_size) == (4, 2, CROP)
    assert (config.direction, config.components, config.direct_share) == ("x", 2, 0)
    assert (config.noise_filters, config.noise_blocks) == (64, 8)
    assert (config.batch_size, config.accumulate, config.steps) == (4, 2, 12)
    assert model.provenance.settings == config.to_json()
    assert model.provenance.precision == "bf16-mixed"
    assert len(model.provenance.notes) == 2  # clipping is told


@pytest.mark.parametrize(
    ("mean", "std", "channels", "expected"),
    [
        (torch.tensor(1000.0, dtype=torch.bfloat16), 60.5, 1, ((1000.0,), (60.5,))),
        (torch.tensor([[[[1.5]], [[2.5]], [[3.5]]]]), 2, 3, ((1.5, 2.5, 3.5), (2.0, 2.0, 2.0))),
    ],
)
def test_statistics_are_kept_per_channel(tmp_path, mean, std, channels, expected):
    state = OrderedDict(weights(channels=channels))
    hyper = {"data_mean": mean, "data_std": std}
    model = load(write(tmp_path, state, state_dict=state, hyper_parameters=hyper))
    found = model.members[0].normalization
    assert (found.offset, found.scale) == expected
    assert model.members[0].brightness == (0.0,) * channels


def test_the_statistics_that_the_networks_saw_are_taken(tmp_path):
    hyper = {"data_mean": torch.tensor(99.0), "data_std": torch.tensor(9.0)}
    model = load(write(tmp_path, weights(), hyper_parameters=hyper))
    assert model.members[0].normalization.offset == (100.0,)


def test_options_that_are_left_out_have_the_published_defaults(tmp_path):
    hyper = {"s-code-channels": 4, "number-layers": 2}
    train = {"crop-size": [CROP, CROP]}
    written = {"train-parameters": train, "hyper-parameters": hyper}
    model = load(write(tmp_path, weights(direct=True), written))
    assert (model.config.direction, model.config.components) == ("x", 3)
    assert model.config.direct_share > 0


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("scale-initialisation", True, "scale-initialisation: true, but only false"),
        ("number-dimensions", 3, "number-dimensions: 3, but only 2"),
        ("noise-direction", "z", "noise-direction: z, but only x, y and none"),
        ("crop-size", [8, 16], r"crop-size: \[8, 16\], but only two equal numbers"),
        ("crop-size", [16, 16], r"crop-size: \[16, 16\], but .* crops of another size"),
        ("crop-size", [4, 4], r"crop-size: \[4, 4\], but .* crops of another size"),
        ("number-layers", 3, "number-layers: 3, but the weights in final_model.ckpt are of 2"),
        ("s-code-channels", 64, "s-code-channels: 64, but the weights .* are of 4"),
        ("number-gaussians", 5, "number-gaussians: 5, but the weights .* are of 3"),
        ("use-direct-denoiser", True, "use-direct-denoiser: true, but the weights"),
        ("discretised", True, "discretised: true, but this option is not understood"),
        ("noise-direction", "y", "does not turn images"),
        ("noise-direction", "none", "5 pixels, which does not fit to direction 'none'"),
        ("batch-size", 1000, "batch_size is 1000; it must be"),
    ],
)
def test_options_that_do_not_fit_are_named(tmp_path, name, value, sentence):
    path = write(tmp_path, weights(), options(**{name: value}))
    with pytest.raises(ModelError, match=sentence):
        load(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, r"no training-config\.yaml in"),
        ("data: [", "not readable"),
        ("!!python/object/apply:os.system [exit]", "not readable"),
        ("nothing of the kind", "does not hold the options"),
        ("hyper-parameters: 3", "does not hold the options"),
    ],
)
def test_missing_and_damaged_options(tmp_path, text, sentence):
    path = write(tmp_path, weights())
    beside = tmp_path / "training-config.yaml"
    beside.unlink() if text is None else beside.write_text(text)
    with pytest.raises(ModelError, match=sentence):
        load(path)


class Program:
    """What runs when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_program_in_a_checkpoint_is_never_run(tmp_path, zipped):
    path, trace = write(tmp_path, weights()), tmp_path / "trace"
    content = {"state_dict": weights(), "callbacks": Program(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match="could run as a program and are never opened"):
        load(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)  # otherwise it runs
    assert trace.exists()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 and nothing"])
def test_a_damaged_checkpoint(tmp_path, content):
    path = write(tmp_path, weights())
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"final_model\.ckpt is damaged"):
        load(path)


def test_a_checkpoint_that_was_cut_off(tmp_path):
    path = write(tmp_path, weights())
    whole = path.read_bytes()
    for length in range(1000, len(whole), len(whole) // 9):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="is damaged"):
            load(path)


def test_other_checkpoints_are_refused(tmp_path):
    path = write(tmp_path, weights())
    torch.save([torch.zeros(3)], path)
    with pytest.raises(ModelError, match="holds no weights by name"):
        load(path)
    others = weights()
    others["vae.final_top_down.0.res_block.block.0.weight"] = torch.zeros(4)
    for state in (others, {**weights(), "ar_decoder.out_conv.conv.weight": torch.zeros(9, 65)}):
        path = write(tmp_path, state)
        with pytest.raises(ModelError, match="does not hold the networks of the published"):
            load(path)
    path = write(tmp_path, weights(), state_dict={"model.weight": torch.zeros(3)})
    with pytest.raises(ModelError, match="does not hold the networks of the published"):
        load(path)
    with pytest.raises(ModelError, match="There is no model file"):
        load(tmp_path / "none.ckpt")


def test_a_noise_model_of_another_size_is_refused(tmp_path):
    smaller = drawn(decoder(1, "x", 3, 2, 32), torch.Generator())
    state = weights() | {f"ar_decoder.{name}": value for name, value in smaller.items()}
    path = write(tmp_path, state)
    with pytest.raises(ModelError, match=r"does not fit the training-config\.yaml beside it"):
        load(path)


@pytest.mark.parametrize("std", [torch.zeros(1), torch.ones(2), torch.full((1,), np.nan), None])
def test_statistics_that_are_missing_or_unusable(tmp_path, std):
    hyper = {"data_mean": torch.zeros(1), "data_std": std}
    path = write(tmp_path, weights(), state_dict=weights(), hyper_parameters=hyper)
    with pytest.raises(ModelError, match="how to normalise images of 1 channel"):
        load(path)


def test_the_panel_and_the_command_line_load_it(tmp_path, capsys):
    path = write(tmp_path, weights())
    model = finish(loading(path))
    assert model.method.name == "cosdd"
    image, out = tmp_path / "cells.tif", tmp_path / "out"
    tifffile.imwrite(image, noisy((16, 16)))
    assert main(["apply", str(path), str(image), "-o", str(out), "--samples", "2"]) == 0
    (written,) = out.glob("*.denoised.tif")
    assert str(written) in capsys.readouterr().out
