"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.sampling import Sampling

if TYPE_CHECKING:
    from napari_selfdenoise.engine.preparation import Preparation

Stabilise = Literal["auto", "on", "off"]
Decorrelate = Literal["auto", "off", "2", "3", "4", "5"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
OutputFormat = Literal["tif", "ome.zarr"]
PRIOR_IMAGES = 8
"""Drawn for --keep prior, if no other number is asked for."""
Overwrite = Annotated[bool, Parameter(negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """Which method, and how it is set.

    Attributes
    ----------
    method : str
        Name of the method; `methods` lists them.
    set : tuple of str
        A setting of the method, NAME=VALUE; may be repeated. `methods NAME` lists them.
    preset : str
        Named settings of the method to start from.
    time_budget : float
        Seconds after which training ends with what it has learned; 0 for no limit.
    seed : int
        Same seed and device: same result.
    stabilise : str
        Make noise that grows with the signal even before denoising; auto does so where it
        matters to the method.
    decorrelate : str
        Denoise sub-images of every 2nd to 5th pixel, for noise that is correlated between
        neighbours; auto measures whether it is.
    target : tuple of Path
        For methods that learn from pairs, files or folders of a target for each image, in
        the same order: a second capture for noise2noise, a clean image for supervised.
    """

    method: Annotated[str, Parameter(name=("--method", "-m"), show_default=True)] = "lota_n2n"
    set: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = ()
    preset: str | None = None
    time_budget: float = 0
    seed: Annotated[int, Parameter(show_default=True)] = 0
    stabilise: Annotated[Stabilise, Parameter(show_default=True)] = "auto"
    decorrelate: Annotated[Decorrelate, Parameter(show_default=True)] = "auto"
    target: Annotated[
        tuple[Path, ...], Parameter(name="--target", negative="", consume_multiple=True)
    ] = ()

    @property
    def preparation(self) -> Preparation:
        """How images are prepared for the method."""
        from napari_selfdenoise.engine.preparation import Preparation

        return Preparation(stabilise=self.stabilise, decorrelate=self.decorrelate)

    def config(self, method: Method[Any]) -> Config:
        """Return the settings of `method` that were asked for.

        Raises
        ------
        UsageError
            If it has no such settings, or takes no target and one is given.
        """
        from napari_selfdenoise.data.checks import check_takes_targets

        check_takes_targets(method.title, method.target, self.target)
        return method.Config.from_strings(_pairs(self.set), self.preset)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How posterior samples are drawn, by methods that have a posterior.

    Attributes
    ----------
    samples : int
        Posterior samples to draw at most; the denoised image is their mean. 0 takes the
        network for one pass, if the model has one.
    tolerance : float
        Sampling ends by itself when the variance of the mean is below this share of the
        noise's variance; 0 draws all samples.
    keep_samples : int
        Samples to keep one by one, for --keep samples.
    mirrored : bool
        Draw the samples of the image mirrored in four ways, in turn, if training mirrored
        the patches, too: errors that depend on how the image lies average out.
    prior_images : int
        Images to draw from the prior, for --keep prior.
    """

    samples: Annotated[int, Parameter(show_default=True)] = 100
    tolerance: Annotated[float, Parameter(show_default=True)] = 0.01
    keep_samples: Annotated[int, Parameter(show_default=True)] = 10
    mirrored: Annotated[bool, Parameter(show_default=True)] = True
    prior_images: int = 0

    def sampling(self, keep: Sequence[str]) -> Sampling:
        """Return the settings for a run of which the images in `keep` are wanted."""
        return Sampling(
            samples=self.samples,
            tolerance=self.tolerance,
            keep_samples=self.keep_samples if "samples" in keep else 0,
            mirrored=self.mirrored,
            generated_noise="generated_noise" in keep,
            prior_images=self.prior_images or ("prior" in keep) * PRIOR_IMAGES,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run executes and how its images are read.

    Attributes
    ----------
    device : str
        Where to compute; auto takes the fastest there is.
    precision : str
        Of the network's arithmetic; auto takes bfloat16 where the device has it, which is
        much faster.
    axes : str
        One letter per axis as stored (Q, T, C, Z, Y, X, S), if the file does not tell.
    fill_nan : bool
        Fill pixels that are NaN or infinite from their neighbours instead of refusing.
    recursive : bool
        Look for images in the folders inside a folder, too.
    """

    device: Annotated[DeviceName, Parameter(show_default=True)] = "auto"
    precision: Annotated[PrecisionName, Parameter(show_default=True)] = "auto"
    axes: str = ""
    fill_nan: Annotated[bool, Parameter(negative="")] = False
    recursive: Annotated[bool, Parameter(negative="")] = False

    def context(
        self,
        method: MethodOptions | None = None,
        checkpoint: Path | None = None,
        sampling: Sampling | None = None,
    ) -> Context:
        """Return a fresh context for one run."""
        return Context(
            device=self.device,
            precision=self.precision,
            fill_nan=self.fill_nan,
            seed=0 if method is None else method.seed,
            time_budget=0 if method is None else method.time_budget,
            checkpoint=checkpoint,
            sampling=sampling,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where results go, and who makes them.

    Attributes
    ----------
    out : Path
        Folder of the results; made if missing. For a single image also a file, which ends
        in .tif or .ome.zarr.
    format : str
        Of the files in the folder: tif (OME-TIFF), or ome.zarr (OME-Zarr 0.5).
    overwrite : bool
        Replace results that are there already.
    workers : int
        Processes that denoise files at the same time on this machine; 0 for none but this.
    scheduler : str
        Address of a dask scheduler whose workers denoise the files, such as
        tcp://node1:8786.
    """

    out: Annotated[Path, Parameter(name=("--out", "-o"), show_default=True)] = Path()
    format: Annotated[OutputFormat, Parameter(show_default=True)] = "tif"
    overwrite: Overwrite = False
    workers: Annotated[int, Parameter(validator=Number(gte=0))] = 0
    scheduler: str = ""


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for each in settings:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"--set {each} is not of the form NAME=VALUE, such as steps=500.")
        pairs[name.strip()] = value.strip()
    return pairs
