"""Where and how a run executes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs
from napari_selfdenoise.core.sampling import Sampling

Region = tuple[slice, ...]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


class Context:
    """Where and how a run executes: device, precision, random numbers, stop, time.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
        ``"auto"`` takes the fastest there is.
    precision : {"auto", "float32", "bfloat16"}
        Precision of the convolutions; ``"auto"`` takes bfloat16 where the device has it in
        hardware. Statistics, losses and outputs are always float32.
    seed : int
        Every random number of the run comes from it. Same seed, device and number of
        threads: same result.
    time_budget : float
        Seconds after which training ends with what it has learned; 0 for no limit.
    preview_interval : float
        Seconds between two `Preview` events while training; 0 for none.
    checkpoint : Path, optional
        File to which training writes its state now and then, and from which it resumes
        when the same training is started again.
    checkpoint_interval : float
        Seconds between two checkpoints.
    fill_nan : bool
        Whether pixels that are NaN or infinite are filled from their neighbours; an image
        that has some is refused otherwise.
    sampling : Sampling, optional
        How many samples are drawn by methods that have a posterior, and which are kept.
    targets : sequence of Image
        For each image to train on, in their order, what a method that is taught by pairs
        compares its output with: a second capture, or a clean image.
    outputs : Outputs, optional
        Where the run puts the images it makes; in memory, if omitted.
    """

    def __init__(
        self,
        *,
        device: Device = "auto",
        precision: Precision = "auto",
        seed: int = 0,
        time_budget: float = 0.0,
        preview_interval: float = 0.0,
        checkpoint: Path | None = None,
        checkpoint_interval: float = 60.0,
        fill_nan: bool = False,
        sampling: Sampling | None = None,
        targets: Sequence[Image] = (),
        outputs: Outputs | None = None,
    ) -> None:
        self.device = device
        self.precision = precision
        self.seed = seed
        self.time_budget = time_budget
        self.preview_interval = preview_interval
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.fill_nan = fill_nan
        self.sampling = sampling or Sampling()
        self.targets = tuple(targets)
        self.outputs = outputs or Outputs()
        self.into_run: Callable[[Region], Region] | None = None
        """Finds a region of the user's image in the one the run works on, if it is another."""
        self._preview_region: Region | None = None
        self.rng = np.random.default_rng(seed)
        self.stopped = False
        """Whether a stop was asked for and honoured."""
        self._stop = threading.Event()
        self._start = time.monotonic()

    def alone(self, seed: int | None = None) -> Context:
        """Return a context for one of several runs: as this one, with a budget of its own.

        A stop, previews, checkpoints and targets are not handed on.

        Parameters
        ----------
        seed : int, optional
            Another seed.
        """
        return Context(
            device=self.device,
            precision=self.precision,
            seed=self.seed if seed is None else seed,
            time_budget=self.time_budget,
            fill_nan=self.fill_nan,
            sampling=self.sampling,
        )

    @property
    def preview_region(self) -> Region | None:
        """The part of the image a user looks at, one slice per axis; may change any time.

        Set in the user's image, it is read in the image the run works on.
        """
        region = self._preview_region
        return region if region is None or self.into_run is None else self.into_run(region)

    @preview_region.setter
    def preview_region(self, region: Region | None) -> None:
        self._preview_region = region

    def stop(self) -> None:
        """Ask the run to end at its next boundary; may be called from any thread.

        While training, the run keeps what it has learned and goes on to predict with it;
        a second stop ends the prediction too.
        """
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for and not yet honoured."""
        return self._stop.is_set()

    def honour_stop(self) -> None:
        """Record that the current part of the run ended because of a stop."""
        self.stopped = True
        self._stop.clear()

    @property
    def seconds(self) -> float:
        """Seconds since the context was made."""
        return time.monotonic() - self._start
