"""The training loop, on a network of one number that has to become the mean of the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import TrainingError
from napari_selfdenoise.core.events import Metrics, Note, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.engine.checkpoint import Checkpoint
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.learned import TrainingConfig
from napari_selfdenoise.engine.learner import Learner
from napari_selfdenoise.engine.stages import Stage
from napari_selfdenoise.engine.train import Trainer

CPU = Compute(torch.device("cpu"), torch.float32)


class Level(nn.Module):
    """Answers one grey level for every pixel."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return self.level.expand_as(batch)


def squared(network, batch):
    return {"squared": (network(batch) - batch).square().mean()}


def trainer(config, context=None, *, mean=3.0, losses=squared, network=None, **options):
    rng = np.random.default_rng(0)
    image = Image(rng.normal(mean, 0.5, (80, 64)).astype(np.float32))
    patches = Patches(
        channel_planes(image),
        Normalization((0.0,), (1.0,)),
        patch_size=16,
        validation_fraction=config.validation_fraction,
        rng=np.random.default_rng(1),
    )
    network = network or Level()
    learner = Learner(network, {"network": network}, config, CPU)
    stages = options.pop(
        "stages", [Stage("training", config.steps, losses, config.learning_rate)]
    )
    made = Trainer(learner, patches, config, context or Context(), **options)
    return made, learner, stages


def config(**values):
    defaults = {"steps": 200, "learning_rate": 0.1, "validation_fraction": 0.0}
    return TrainingConfig.from_json({**defaults, **values})


def level(learner):
    return learner.predictor.level.item()


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("schedule", ["constant", "halve", "cosine", "fifths"])
def test_it_learns(average, schedule):
    made, learner, stages = trainer(config(weight_average=average, schedule=schedule))
    events = []
    finish(made.run(stages), events.append)
    assert level(learner) == pytest.approx(3, abs=0.1)
    losses = [e.values["train/squared"] for e in events if isinstance(e, Metrics)]
    assert losses[-1] < 0.1 * losses[0]
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.step, last.total) == (200, 200)


def test_a_running_average_moves_more_smoothly():
    """With a learning rate that is too large the weights jump; their average does not."""
    ends = {}
    for average in (0.0, 0.98):
        values = []

        def noisy_loss(network, batch, values=values):
            values.append(network(batch).mean().item())
            return {"loss": (network(batch) - batch - torch.randn(1)).square().mean()}

        torch.manual_seed(0)
        settings = config(weight_average=average, learning_rate=0.5, schedule="constant")
        made, learner, stages = trainer(settings, losses=noisy_loss)
        finish(made.run(stages))
        ends[average] = abs(level(learner) - 3)
        spread = np.std(values[-100:])
    assert ends[0.98] < spread


def test_the_best_validated_weights_are_kept():
    """A loss that pulls the weights away after they were good."""
    calls = []

    def turning(network, batch):
        calls.append(1)
        target = batch if len(calls) < 150 else batch + 50
        if not torch.is_grad_enabled():
            target = batch
        return {"loss": (network(batch) - target).square().mean()}

    settings = config(validation_fraction=0.25, steps=400, schedule="constant")
    made, learner, stages = trainer(settings, losses=turning)
    finish(made.run(stages))
    assert level(learner) == pytest.approx(3, abs=0.3)


def test_training_ends_early_without_improvement():
    settings = config(validation_fraction=0.25, steps=10_000, patience=3)
    made, _, stages = trainer(settings)
    events = []
    finish(made.run(stages), events.append)
    steps = max(event.step for event in events if isinstance(event, Metrics))
    assert steps < 10_000
    assert any("no improvement in 3" in e.text for e in events if isinstance(e, Note))


def explode_at(*numbers):
    calls = []

    def losses(network, batch):
        calls.append(1)
        factor = float("nan") if len(calls) in numbers else 1.0
        return {"loss": factor * (network(batch) - batch).square().mean()}

    return losses


def test_a_nan_goes_back_to_good_weights_and_says_so():
    made, learner, stages = trainer(config(steps=300), losses=explode_at(120))
    events = []
    finish(made.run(stages), events.append)
    warnings = [e.text for e in events if isinstance(e, Note) and e.level == "warning"]
    assert len(warnings) == 1
    assert "became nan at step 119" in warnings[0]
    assert made.at.slowdown == 0.5
    assert level(learner) == pytest.approx(3, abs=0.2)


def test_weights_poisoned_by_a_nan_are_healed():
    made, learner, stages = trainer(config(steps=300))

    def poison(event):
        if isinstance(event, Metrics) and event.step == 100:
            learner.network.level.data.fill_(float("nan"))

    finish(made.run(stages), poison)
    assert level(learner) == pytest.approx(3, abs=0.2)


def test_many_nans_end_training_with_the_last_good_weights():
    made, learner, stages = trainer(config(steps=300), losses=explode_at(*range(150, 999)))
    events = []
    finish(made.run(stages), events.append)
    assert any("last good weights" in e.text for e in events if isinstance(e, Note))
    assert np.isfinite(level(learner))


def test_a_nan_at_once_is_an_error_with_advice():
    made, _, stages = trainer(config(), losses=explode_at(1))
    with pytest.raises(TrainingError, match="at the first step"):
        finish(made.run(stages))


@pytest.mark.parametrize("stop_at", [1, 70, 150])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path, stop_at, average):
    settings = config(weight_average=average, validation_fraction=0.25)
    begun = []

    def stages():
        yield Stage("first", 100, squared, 0.1)
        begun.append(made.learner.network.level.item())
        yield Stage("second", 100, squared, 0.05)

    made, learner, _ = trainer(settings)
    finish(made.run(stages()))
    whole = level(learner)

    context = Context()
    checkpoint = Checkpoint(tmp_path / "training", "this one")
    made, _, _ = trainer(settings, context, checkpoint=checkpoint)
    run, steps = made.run(stages()), 0
    for event in run:
        steps = event.step if isinstance(event, Metrics) else steps
        if steps >= stop_at:
            context.stop()
    made, learner, _ = trainer(settings, checkpoint=checkpoint)
    events = []
    finish(made.run(stages()), events.append)
    assert any("resumed at step" in e.text for e in events if isinstance(e, Note))
    assert level(learner) == whole
    assert len(set(begun)) == 1  # the second stage always starts from the same weights


def test_a_checkpoint_of_another_training_is_not_resumed(tmp_path):
    path = tmp_path / "training"
    made, _, stages = trainer(config(), checkpoint=Checkpoint(path, "one"))
    finish(made.run(stages))
    assert Checkpoint(path, "one").load(CPU.device) is not None
    assert Checkpoint(path, "other").load(CPU.device) is None
    path.write_bytes(b"damaged")
    assert Checkpoint(path, "one").load(CPU.device) is None


def test_a_time_budget_anneals_the_learning_rate():
    """What is cut is the number of steps, not the end of the schedule."""
    rates = []
    made, learner, stages = trainer(config(steps=1_000_000), seconds=0.5)
    update = learner.update

    def watched(given):
        rates.append(given["network"])
        update(given)

    learner.update = watched
    finish(made.run(stages))
    assert len(rates) < 1_000_000
    assert rates[-1] < 0.05 * rates[0]


def test_gradients_are_clipped_per_part():
    _, learner, _ = trainer(config(gradient_clip=0.01))
    batch = torch.full((1, 1, 4, 4), 100.0)
    learner.optimiser.zero_grad = lambda: None  # keeps the gradient to look at
    total, _ = learner.loss(squared, batch)
    learner.follow(total)
    learner.update({"network": 0.0})
    assert learner.network.level.grad.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_a_method_has_its_turn_between_the_steps():
    seen = []

    def between(step):
        seen.append(step)
        if step == 3:
            yield Metrics(step, {"residual/primal": 1.0})

    stage = Stage("training", 5, squared, 0.1, between)
    made, _, _ = trainer(config(steps=5))
    events = []
    finish(made.run([Note("before"), stage]), events.append)
    assert seen == [1, 2, 3, 4, 5]
    assert events[0] == Note("before")
    assert Metrics(3, {"residual/primal": 1.0}) in events


@pytest.mark.parametrize("stop_at", [7, 23])
def test_companions_that_change_are_resumed(tmp_path, stop_at):
    """Interrupted at any step, a training with companions ends as an uninterrupted one."""

    def run(context, checkpoint):
        made, learner, _ = trainer(
            config(steps=30, schedule="constant"), context, checkpoint=checkpoint
        )
        patches = made.patches

        def target(network, batch):
            return {"squared": (network(batch[:, :1]) - batch[:, 1:]).square().mean()}

        def between(step):
            if step % 10 == 0:
                patches.accompany(0, 0, patches.companion(0, 0) + learner.network.level.item())
            yield from ()

        def stages():
            patches.accompany(0, 0, patches.normalised(0, 0))
            yield Stage("training", 30, target, 0.1, between)

        return made.run(stages()), learner

    whole, learner = run(Context(), None)
    finish(whole)
    expected = level(learner)
    context, checkpoint = Context(), Checkpoint(tmp_path / "training", "one")
    interrupted, _ = run(context, checkpoint)
    for event in interrupted:
        if isinstance(event, Metrics) and event.step == stop_at:
            context.stop()
    resumed, learner = run(Context(), checkpoint)
    events = []
    finish(resumed, events.append)
    assert any(f"resumed at step {stop_at}" in e.text for e in events if isinstance(e, Note))
    assert level(learner) == expected


@pytest.mark.parametrize("optimiser", ["adam", "adamax"])
def test_every_optimiser_learns(optimiser):
    made, learner, stages = trainer(config(optimiser=optimiser))
    finish(made.run(stages))
    assert level(learner) == pytest.approx(3, abs=0.1)


def test_batches_that_are_accumulated_are_as_one_large_batch():
    """One step of four batches goes where one step of one batch of four goes."""
    ends = []
    for count, size in ((1, 4), (4, 1)):
        settings = config(steps=12, batch_size=size, accumulate=count)
        made, learner, stages = trainer(settings)
        finish(made.run(stages))
        ends.append(level(learner))
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)


class TwoLevels(nn.Module):
    """Two parts: one that can learn, and one whose loss never improves."""

    def __init__(self):
        super().__init__()
        self.good, self.stuck = Level(), Level()

    def forward(self, batch):
        return self.good(batch)


def test_a_part_that_no_longer_improves_gets_a_lower_rate():
    network = TwoLevels()

    def losses(whole, batch):
        model = getattr(whole, "network", whole)
        return {
            "good": (model.good(batch) - batch).square().mean(),
            "stuck": 1 + 0 * model.stuck(batch).mean(),
        }

    settings = config(
        steps=60, learning_rate=0.01, schedule="plateau", plateau=2, validation_fraction=0.2
    )
    watched = {"good": ("good",), "stuck": ("stuck",)}
    stage = Stage("training", 60, losses, 0.01, watched=watched)
    made, learner, _ = trainer(settings, network=network)
    learner.parts = {"good": network.good, "stuck": network.stuck}
    rates, update, names = [], learner.update, set()

    def noted(given):
        rates.append(dict(given))
        update(given)

    learner.update = noted
    for event in made.run([stage]):
        if isinstance(event, Metrics):
            names.update(event.values)
    assert rates[0] == {"good": 0.01, "stuck": 0.01}
    assert rates[-1]["good"] == 0.01
    assert rates[-1]["stuck"] == pytest.approx(0.0001)  # twice within six validations
    assert {"validation/good", "validation/stuck", "validation/loss"} <= names


def test_a_gradient_that_is_no_number_leaves_the_network_as_it_is():
    """The loss is finite, and the next one would be too late to notice."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 1, 3)
    settings = config(gradient_clip=1.0, weight_average=0.0)
    learner = Learner(network, {"network": network}, settings, Compute.of(Context()))
    before = network.weight.detach().clone()
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    learner.update({"network": 1e-3})
    assert torch.equal(network.weight, before)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    learner.update({"network": 1e-3})
    assert not torch.equal(network.weight, before)
