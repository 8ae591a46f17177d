"""Models from checkpoints of the published code of COSDD.

That code (Salmon and Krull, WACV 2025) writes ``final_model.ckpt`` with the weights and,
beside it, ``training-config.yaml`` with the options they were trained with. Both are read
here without running anything that is in them, and become a model like any other.

Understood are checkpoints for images (two dimensions, square crops) of the main branch as of
July 2025; its padding with zeros becomes one by mirroring, see `methods.cosdd`. Older code has
other layers, which is found out. Not seen in a checkpoint are changes of the code between
layers: how convolutions are padded and channels ordered, which matter to the denoised image,
and mixtures whose weights do not sum to one (April to July 2025), which matter to generated
noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.core.errors import ConfigError, ModelError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.engine.provenance import versions

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model

OPTIONS = "training-config.yaml"
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "data": {"number-dimensions": 2, "clip-outliers": False},
    "train-parameters": {
        "crop-size": [256, 256],
        "batch-size": 4,
        "number-grad-batches": 4,
        "use-direct-denoiser": True,
    },
    "hyper-parameters": {
        "s-code-channels": 64,
        "number-layers": 8,
        "number-gaussians": 3,
        "noise-direction": "x",
        "scale-initialisation": False,
    },
    "memory": {"precision": "bf16-mixed"},
}
"""The published defaults of the options that matter here, by section."""
_DIRECT_SHARE = 0.05
"""Stands for a network for one pass, which the published code trains beside the others."""
_ZIP = b"PK\x03\x04"


def read_checkpoint(path: str | Path, find_method: Callable[[str], Method[Any]]) -> Model:
    """Read a checkpoint of the published code.

    Parameters
    ----------
    path : path
        The checkpoint, ``final_model.ckpt``; ``training-config.yaml`` is in the same folder.
    find_method : callable
        Returns the method of a name; the table of methods is above this module.

    Returns
    -------
    Model
        Of the method ``cosdd``, with the networks, the settings and the normalisation of the
        checkpoint. Settings that its files do not tell are those of the preset ``small``.

    Raises
    ------
    ModelError
        If a file is missing, damaged or holds anything but plain values and weights, if it
        has options that are not understood, or if options and weights do not fit together.
    """
    from napari_selfdenoise.engine.model import Member, Model
    from napari_selfdenoise.nn.published import networks

    path = Path(path)
    content = _read_weights(path)
    options = _read_options(path.with_name(OPTIONS))
    try:
        parts: dict[str, Any] = networks(content["state_dict"], options["noise-direction"])
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{path} does not hold the networks of the published code of COSDD as of July "
            f"2025, with the direction of {OPTIONS}: {shorten(str(error), 200)}."
        ) from error
    _check_belong_together(path, options, parts)
    method: Any = find_method("cosdd")
    config = _config(method, path, options, content)
    channels = parts["noise"].channels
    network = method.network(config, channels)
    for name, part in parts.items():
        try:
            getattr(network, name).load_state_dict(part.state_dict())
        except RuntimeError as error:
            raise ModelError(
                f"{path} does not fit the {OPTIONS} beside it: {shorten(str(error), 200)}."
            ) from error
    normalization = _normalization(path, content, channels)
    member = Member(network.eval(), normalization, (0.0,) * channels)
    provenance = _provenance(method, path, options, config.to_json())
    return Model(method, config, channels, (member,), provenance)


def _read_weights(path: Path) -> dict[str, Any]:
    """Return what is in a checkpoint: plain values and tensors, nothing that could run."""
    import torch

    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    content: Any = None
    reason: Exception | None = None
    try:
        with path.open("rb") as file:
            # Other formats are older than these checkpoints, and with torch before 2.6 one of
            # them could run code even with weights_only (CVE-2025-32434).
            known = file.read(len(_ZIP)) == _ZIP
        if known:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a damaged file may end anywhere in the reader
        reason = error
    if content is None:
        raise ModelError(
            f"{path} is damaged, or holds other things than weights, which could run as a "
            "program and are never opened."
        ) from reason
    state: Any = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and torch.is_tensor(value) for name, value in state.items()
    ):
        raise ModelError(f"{path} is no checkpoint of COSDD: it holds no weights by name.")
    return dict(content)


def _read_options(path: Path) -> dict[str, Any]:
    """Return the options that matter here, by name; all of them are understood."""
    import yaml

    if not path.is_file():
        raise ModelError(
            f"There is no {path.name} in {path.parent}: the published code writes it with the "
            "checkpoint, whose weights alone do not tell how to use them."
        )
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is not readable: {error}.") from error
    options: dict[str, Any] = {}
    for section, defaults in _DEFAULTS.items():
        values = written.get(section, {}) if isinstance(written, dict) else None
        if not isinstance(values, dict):
            raise ModelError(
                f"{path} does not hold the options of the published code of COSDD."
            )
        options |= {name: values.get(name, default) for name, default in defaults.items()}
        if section == "hyper-parameters":
            for name in set(values) - set(defaults):
                raise _wrong(path, name, values[name], "this option is not understood")
    if options["scale-initialisation"] is not False:
        value = options["scale-initialisation"]
        raise _wrong(path, "scale-initialisation", value, "only false can be used")
    if options["number-dimensions"] != 2:
        value = options["number-dimensions"]
        raise _wrong(path, "number-dimensions", value, "only 2 can be used")
    if options["noise-direction"] not in ("x", "y", "none"):
        value = options["noise-direction"]
        raise _wrong(path, "noise-direction", value, "only x, y and none can be used")
    crop = options["crop-size"]
    square = isinstance(crop, list) and len(crop) == 2 and crop[0] == crop[1]
    if not square or not isinstance(crop[0], int) or crop[0] < 4:
        raise _wrong(
            path, "crop-size", crop, "only two equal numbers, as [256, 256], can be used"
        )
    return options


def _check_belong_together(
    path: Path, options: Mapping[str, Any], parts: Mapping[str, Any]
) -> None:
    """Raise `ModelError` if the weights are not those of the options."""
    from napari_selfdenoise.nn.ladder import halving_levels, level_sizes, padded_size

    encoder, noise = parts["encoder"], parts["noise"]
    found = {
        "s-code-channels": encoder.to_code.out_channels,
        "number-layers": len(encoder.halves),
        "number-gaussians": noise.output.out_channels // (3 * noise.channels),
        "use-direct-denoiser": "direct" in parts,
    }
    for name, value in found.items():
        if options[name] != value:
            reason = f"the weights in {path.name} are of {value}"
            raise _wrong(path.with_name(OPTIONS), name, options[name], reason)
    crop = options["crop-size"]
    halves = halving_levels(len(encoder.halves), crop[0])
    top = level_sizes(padded_size(crop, halves), halves)[0]
    if halves != encoder.halves or top != encoder.top.prior_parameters.shape[2:]:
        reason = f"the weights in {path.name} were trained on crops of another size"
        raise _wrong(path.with_name(OPTIONS), "crop-size", crop, reason)


def _config(
    method: Any, path: Path, options: Mapping[str, Any], content: Mapping[str, Any]
) -> Any:
    """Return the settings of the method, as far as the files tell; the rest as published."""
    direct = options["use-direct-denoiser"]
    settings = {
        "direction": options["noise-direction"],
        "features": options["s-code-channels"],
        "levels": options["number-layers"],
        "components": options["number-gaussians"],
        "patch_size": options["crop-size"][0],
        "batch_size": options["batch-size"],
        "accumulate": options["number-grad-batches"],
        "direct_share": _DIRECT_SHARE if direct else 0.0,
    }
    steps = content.get("global_step")
    if isinstance(steps, int):  # of all optimisers together, one for each part
        settings["steps"] = max(1, steps // (3 if direct else 2))
    try:
        return method.Config.from_preset("small", settings)
    except ConfigError as error:
        raise ModelError(
            f"{path} and the {OPTIONS} beside it cannot be used: {error}"
        ) from error


def _normalization(path: Path, content: Mapping[str, Any], channels: int) -> Normalization:
    """Return the map that the networks were trained with, as precise as it was then."""
    import torch

    found: dict[str, list[float]] = {"data_mean": [], "data_std": []}
    for name in found:
        for holder in (content.get("hyper_parameters"), content["state_dict"]):
            value = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(value, (int, float)) or torch.is_tensor(value):
                values = torch.as_tensor(value).float().flatten().tolist()
                found[name] = values * channels if len(values) == 1 else values
    mean, std = found.values()
    fits = len(mean) == len(std) == channels
    if not fits or not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        raise ModelError(
            f"{path} does not tell how to normalise images of {channels} channel(s): data_mean "
            f"is {mean or 'missing'} and data_std is {std or 'missing'}."
        )
    return Normalization(tuple(mean), tuple(std))


def _provenance(
    method: Any, path: Path, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> Provenance:
    """Return how the model came about, as far as it is known."""
    notes = [
        f"Imported from the checkpoint {path.name} of the published code of COSDD, which does "
        "not tell the images, the seed, the device and the duration of the training."
    ]
    if options["clip-outliers"]:
        notes.append(
            "It was trained on images whose darkest and brightest 1 % of pixels were clipped "
            "(clip-outliers); images are not clipped here."
        )
    return Provenance(
        method=method.name,
        settings=settings,
        seed=0,
        input_name="unknown images",
        input_hash="",
        device="unknown",
        precision=str(options["precision"]),
        seconds=0.0,
        versions=versions(),
        reference=method.reference,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=tuple(notes),
    )


def _wrong(path: Path, name: str, value: Any, why: str) -> ModelError:
    written = str(value).lower() if isinstance(value, bool) else value
    return ModelError(f"{path} has {name}: {written}, but {why}.")
