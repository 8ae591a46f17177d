"""The one training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import TrainingError
from napari_selfdenoise.core.events import Event, Metrics, Note, Preview, Progress, Run
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.engine.checkpoint import Checkpoint
from napari_selfdenoise.engine.learned import TrainingConfig
from napari_selfdenoise.engine.learner import Learner, State, under
from napari_selfdenoise.engine.schedules import SCHEDULES
from napari_selfdenoise.engine.stages import Stage

POINTS = 200
"""Points of a learning curve, at most."""
VALIDATIONS = 40
GOOD_INTERVAL = 50
"""Steps between two copies of the state to which training goes back after a NaN."""
MOST_SETBACKS = 5
PLATEAU_FACTOR = 0.1
SECONDS_BETWEEN_PROGRESS = 0.1

MakePreview = Callable[[nn.Module, int], Preview | None]


@dataclass
class Position:
    """Where a training stands; with the learner's state, all that a checkpoint holds."""

    stage: int = 0
    step: int = 0
    before: int = 0
    best: float = math.inf
    waited: int = 0
    slowdown: float = 1.0
    setbacks: int = 0
    plateaus: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of each part: the best validation, validations since, and factor of the rate."""

    @property
    def total(self) -> int:
        """Steps since the beginning of the first stage."""
        return self.before + self.step


class Trainer:
    """Trains a learner's network through the stages of a method.

    Parameters
    ----------
    learner : Learner
        Network and optimiser; after `run` it holds the best weights.
    patches : Patches
        Where batches come from.
    config : TrainingConfig
        The method's settings.
    context : Context
        Stop flag, preview and checkpoint intervals.
    label : str
        Added to the stages' names, for example ``", channel 2 of 3"``.
    seconds : float
        Time after which training ends; the learning rate falls accordingly.
    preview : callable, optional
        Makes a preview with the network and the step it is given.
    checkpoint : Checkpoint, optional
        Where the state is written to now and then, and resumed from.
    """

    def __init__(
        self,
        learner: Learner,
        patches: Patches,
        config: TrainingConfig,
        context: Context,
        *,
        label: str = "",
        seconds: float = math.inf,
        preview: MakePreview | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.learner, self.patches = learner, patches
        self.config, self.context = config, context
        self.label, self.seconds = label, seconds
        self.preview, self.checkpoint = preview, checkpoint
        self.at = Position()
        self.stopped = False
        self._best: State = {}
        self._ends: State = {}
        self._good: State = {}
        self._companions: dict[str, NDArray[np.float32]] = {}
        self._sums: dict[str, float] = {}
        self._progress = _Timer(SECONDS_BETWEEN_PROGRESS)
        self._previews = _Timer(context.preview_interval)
        self._saves = _Timer(context.checkpoint_interval)
        self._begun = time.monotonic()
        self._stage: Stage | None = None

    @property
    def share(self) -> float:
        """How much of the stage at hand is done, in steps or in time, 0 to 1."""
        return 0.0 if self._stage is None else min(self._share(self._stage), 1.0)

    def run(self, stages: Iterable[Stage | Event]) -> Run[None]:
        """Train through all stages, each asked for when the one before it is done.

        Events among the stages are passed on.

        Raises
        ------
        TrainingError
            If the loss is not finite from the very beginning.
        """
        resumed = self._load()
        before, number = 0, -1
        for stage in stages:
            if not isinstance(stage, Stage):
                yield stage
                continue
            number += 1
            if number < self.at.stage:
                self.learner.adopt(under(f"end{number}/", self._ends))
            else:
                self.learner.begin()
                if resumed:
                    self.learner.load_state(resumed)
                    self.patches.load_companions(self._companions)
                    resumed = {}
                    yield Note(f"Training resumed at step {self.at.total}.")
                else:
                    self.at, self._best = Position(stage=number, before=before), {}
                yield from self._run_stage(stage)
                if self.stopped:
                    return
            before += stage.steps
        if self.checkpoint is not None:
            self._save(self.checkpoint)  # so that a resumed run of several networks skips it

    def _run_stage(self, stage: Stage) -> Run[None]:
        self._begun, self._stage = time.monotonic(), stage
        self.learner.network.train()
        while self.at.step < stage.steps:
            if self.context.stopping:
                self.context.honour_stop()
                self.stopped = True
                if self.checkpoint is not None:
                    self._save(self.checkpoint)
                break
            reason = self._reason_to_end(stage)
            if reason:
                yield Note(reason)
                break
            setback = self._learn(stage)
            if setback is not None:
                yield setback
            else:
                if stage.between is not None:
                    yield from stage.between(self.at.step)
                yield from self._report(stage)
        yield from self._finish(stage)

    def _reason_to_end(self, stage: Stage) -> str:
        at = self.at
        if self._share(stage) >= 1:
            return f"Time is up after {at.step} of {stage.steps} steps ({stage.name})."
        if 0 < self.config.patience <= at.waited:
            return f"{stage.name}: no improvement in {at.waited} validations, ended early."
        if at.setbacks > MOST_SETBACKS:
            return (
                f"{stage.name}: unstable {at.setbacks} times, ended with the last good weights."
            )
        return ""

    def _share(self, stage: Stage) -> float:
        """Return how much of the stage is done, in steps or in time, 0 to 1."""
        allowed = self.seconds * stage.steps / self.config.steps
        return max(self.at.step / stage.steps, (time.monotonic() - self._begun) / allowed)

    def _learn(self, stage: Stage) -> Note | None:
        """Make one step; return a note if the loss was not finite."""
        at, learner, config = self.at, self.learner, self.config
        sums: dict[str, float] = {}
        for _ in range(config.accumulate):
            drawn = self.patches.draw(config.batch_size, augment=config.augment)
            total, values = learner.loss(
                stage.losses, learner.tensor(drawn), stage.weight, stage.shown
            )
            if not math.isfinite(total.item()):
                return self._go_back(total.item())
            learner.follow(total)
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value / config.accumulate
        if at.step % GOOD_INTERVAL == 0:
            self._good = learner.state()
        rate = stage.learning_rate * SCHEDULES[config.schedule](self._share(stage))
        learner.update(
            {part: rate * at.slowdown * self._plateau(part)["factor"] for part in learner.parts}
        )
        at.step += 1
        for name, value in sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        return None

    def _go_back(self, loss: float) -> Note:
        if not self._good:
            raise TrainingError(
                f"The loss is {loss} at the first step: the image's values are too extreme "
                "for this method. Check them for outliers, or rescale the image."
            )
        self.learner.load_state(self._good)
        self.at.setbacks += 1
        self.at.slowdown /= 2
        return Note(
            f"The loss became {loss} at step {self.at.total}: went back to the last good "
            "weights and halved the learning rate.",
            "warning",
        )

    def _report(self, stage: Stage) -> Run[None]:
        at, last = self.at, self.at.step == stage.steps
        every = max(1, stage.steps // POINTS)
        if at.step % every == 0 or last:
            count = (at.step - 1) % every + 1
            means = {name: value / count for name, value in self._sums.items()}
            curve = {f"train/{name}": value for name, value in stage.curves(means).items()}
            self._sums = {}
            yield Metrics(at.total, curve)
        if at.step % max(10, stage.steps // VALIDATIONS) == 0 and not last:
            yield from self._validate(stage)
        if self._progress.due() or last:
            yield Progress(at.total, self.config.steps, stage.name + self.label)
        if self.preview is not None and self._previews.due():
            picture = self.preview(self.learner.predictor, at.total)
            if picture is not None:
                yield picture
        if self.checkpoint is not None and self._saves.due():
            self._save(self.checkpoint)

    def _validate(self, stage: Stage) -> Run[None]:
        if not self.patches.validates:
            return
        held_out = self.learner.tensor(self.patches.validation())
        losses = self.learner.validate(stage.losses, held_out)
        loss = sum(value for name, value in losses.items() if name not in stage.shown)
        self.at.waited += 1
        if loss < self.at.best:
            self.at.best, self.at.waited, self._best = loss, 0, self.learner.snapshot()
        named = {f"validation/{name}": each for name, each in stage.curves(losses).items()}
        shown = {"validation/loss": loss} | (named if stage.watched else {})
        yield Metrics(self.at.total, shown)
        if self.config.schedule == "plateau":
            for part in self.learner.parts:
                names = stage.watched.get(part, tuple(losses))
                self._wait(part, sum(losses[name] for name in names))

    def _plateau(self, part: str) -> dict[str, float]:
        return self.at.plateaus.setdefault(part, {"best": math.inf, "waited": 0, "factor": 1})

    def _wait(self, part: str, loss: float) -> None:
        """Lower the learning rate of a part that has not improved for long enough."""
        plateau = self._plateau(part)
        plateau["waited"] += 1
        if loss < plateau["best"]:
            plateau["best"], plateau["waited"] = loss, 0
        elif plateau["waited"] >= self.config.plateau:
            plateau["factor"], plateau["waited"] = plateau["factor"] * PLATEAU_FACTOR, 0

    def _finish(self, stage: Stage) -> Run[None]:
        """End a stage with its best weights, or the last ones if nothing is held out."""
        yield from self._validate(stage)
        self.learner.adopt(self._best or self.learner.snapshot())
        self._sums = {}
        ends = self.learner.snapshot().items()
        self._ends |= {f"end{self.at.stage}/{name}": value for name, value in ends}

    def _save(self, checkpoint: Checkpoint) -> None:
        tensors = {f"learner/{name}": value for name, value in self.learner.state().items()}
        tensors |= {f"best/{name}": value for name, value in self._best.items()}
        for name, images in self.patches.companions().items():
            tensors[f"companions/{name}"] = torch.from_numpy(images)
        facts = {"position": asdict(self.at), "patches": self.patches.state()}
        checkpoint.save(tensors | self._ends, facts)

    def _load(self) -> State:
        """Take up a checkpoint; return the learner's state in it, empty if there is none."""
        found = self.checkpoint.load(self.learner.compute.device) if self.checkpoint else None
        if found is None:
            return {}
        tensors, facts = found
        self.at = Position(**facts["position"])
        self.patches.load_state(facts["patches"])
        self._best = under("best/", tensors)
        companions = under("companions/", tensors).items()
        self._companions = {name: images.cpu().numpy() for name, images in companions}
        self._ends = {name: value for name, value in tensors.items() if name.startswith("end")}
        return under("learner/", tensors)


class _Timer:
    """Says when an interval has passed; never for an interval of 0."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if self._seconds <= 0 or now - self._last < self._seconds:
            return False
        self._last = now
        return True
