import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.analysis.ranking import rank
from napari_selfdenoise.analysis.split_image import middle
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.events import Note, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_model import NoiseModel
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.candidate import candidate
from napari_selfdenoise.engine.preparation import UNPREPARED
from napari_selfdenoise.methods import get

WIDTHS = (0.3, 0.8, 1.2, 5.0)


def gaussian(width, tau=0.0):
    method = get("gaussian")
    return candidate(method, method.Config.from_json({"width": width}), UNPREPARED, tau)


GAUSSIANS = {f"gaussian {width}": gaussian(width) for width in WIDTHS}


@pytest.fixture(scope="module")
def sample():
    return make_sample("cells", seed=0, shape=(192, 192))


def test_the_order_is_that_of_the_true_errors(sample):
    clean = sample.clean.read().astype(float)
    noisy = sample.noisy.read().astype(float)
    errors = {
        f"gaussian {width}": np.mean((gaussian_filter(noisy, width) - clean) ** 2)
        for width in WIDTHS
    }
    ranking = finish(rank(sample.noisy, GAUSSIANS, Context()))
    assert [row.name for row in ranking.rows] == sorted(errors, key=errors.get)
    best, *others = ranking.rows
    assert best.behind == 0
    assert best.as_good_as_the_best
    assert not others[-1].as_good_as_the_best
    assert [row.psnr for row in ranking.rows] == sorted(
        (row.psnr for row in ranking.rows), reverse=True
    )
    # What blurs most loses most.
    assert max(ranking.rows, key=lambda row: row.removed).name == "gaussian 5.0"
    assert best.map.shape == (192, 192)
    assert json.loads(json.dumps(ranking.to_json()))["rows"][0]["name"] == best.name


def test_the_same_seed_gives_the_same_scores(sample):
    part = {"gaussian 1.2": GAUSSIANS["gaussian 1.2"]}
    one, same, other = (
        finish(rank(sample.noisy, part, Context(seed=seed))).rows[0].score.mse
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_every_channel_is_split_by_its_own_noise():
    rng = np.random.default_rng(0)
    light = 30 + 20 * np.sin(np.indices((128, 128)).sum(0) / 9)
    gains = (1.0, 20.0)
    channels = np.stack([100 + gain * rng.poisson(light) for gain in gains])
    ways = {"gaussian": gaussian(1.5)}
    alone = [
        finish(rank(Image(channel, "YX"), ways, Context())).rows[0].score.mse
        for channel in channels
    ]
    images = {"CYX": channels, "YXS": np.moveaxis(channels, 0, -1)}
    for axes, pixels in images.items():
        both = finish(rank(Image(pixels, axes), ways, Context())).rows[0].score.mse
        assert both == pytest.approx(np.mean(alone), rel=0.1), axes


def test_a_stack_is_scored_in_its_middle():
    stack = Image(np.zeros((20, 3, 300, 200), np.uint16), "TCYX")
    assert middle(stack) == (slice(6, 14), slice(0, 3), slice(22, 278), slice(0, 200))
    rng = np.random.default_rng(0)
    light = 100 + 50 * np.sin(np.indices((9, 90, 90)).sum(0) / 9)
    image = Image(rng.poisson(light).astype(np.uint16), "TYX")
    region = (slice(2, 5), slice(None), slice(10, 80))
    ranking = finish(rank(image, {"g": gaussian(1)}, Context(), region=region))
    assert ranking.rows[0].score.tiles.shape == (3, 5, 4)
    assert ranking.region == (slice(2, 5), slice(0, 90), slice(10, 80))


def test_correlated_noise_is_refused():
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.standard_normal((192, 192)), 1.0)
    image = Image(100 + 50 * noise, "YX")
    with pytest.raises(ImageError, match=r"correlated .* held-out score .* is refused"):
        finish(rank(image, GAUSSIANS, Context()))


def test_doubtful_noise_gets_a_warning():
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.standard_normal((192, 192)), 0.45)
    notes = []
    ways = {"g": gaussian(1)}
    ranking = finish(
        rank(Image(100 + 50 * noise, "YX"), ways, Context(), draws=1), notes.append
    )
    assert ranking.whiteness.verdict == "doubtful"
    (note,) = [each for each in notes if isinstance(each, Note)]
    assert note.level == "warning"
    assert note.text.startswith("The noise may be correlated")


def test_what_fails_is_told_and_the_others_are_ranked(sample):
    def failing(image, context):
        raise ImageError("This one needs a target.")
        yield

    notes = []
    ways = {"failing": failing, "gaussian": gaussian(1)}
    ranking = finish(rank(sample.noisy, ways, Context()), notes.append)
    assert [row.name for row in ranking.rows] == ["gaussian"]
    assert ranking.failed == {"failing": "This one needs a target."}
    assert any(
        isinstance(each, Note) and "failing was not scored" in each.text for each in notes
    )
    with pytest.raises(ImageError, match=r"Nothing could be scored. This one needs a target."):
        finish(rank(sample.noisy, {"failing": failing}, Context()))


def test_a_stop_keeps_what_was_scored(sample):
    context = Context()

    def listen(event):
        if isinstance(event, Progress) and event.step == 2:  # the first of the second
            context.stop()

    ranking = finish(rank(sample.noisy, GAUSSIANS, context), listen)
    assert [row.name for row in ranking.rows] == ["gaussian 0.3"]
    assert context.stopped


def test_a_known_sigma_is_raised_for_the_noisier_part(sample):
    """With it, a known strength scores as one that is estimated on the noisier part."""
    method = get("nl_means")
    noise = np.random.default_rng(1).normal(0, 10, (128, 128))
    image = Image(100 + 40 * np.sin(np.indices((128, 128))[0] / 8) + noise, "YX")
    known = method.Config.from_json({"sigma": 10.0})
    ways = {
        "estimated": candidate(method, method.Config(), UNPREPARED, 1.0),
        "raised": candidate(method, known, UNPREPARED, 1.0),
        "as it is": candidate(method, known, UNPREPARED),
    }
    models = [NoiseModel(0.0, 0.0, 10.0)]
    ranking = finish(rank(image, ways, Context(), tau=1.0, models=models))
    mse = {row.name: row.score.mse for row in ranking.rows}
    assert mse["raised"] == pytest.approx(mse["estimated"], rel=0.1)
    assert mse["as it is"] > 1.2 * mse["raised"]


def test_bad_requests_get_a_sentence(sample):
    with pytest.raises(UsageError, match="nothing to rank"):
        finish(rank(sample.noisy, {}, Context()))
    with pytest.raises(UsageError, match="draws is 0"):
        finish(rank(sample.noisy, GAUSSIANS, Context(), draws=0))
    with pytest.raises(UsageError, match="region has 1 slices"):
        finish(rank(sample.noisy, GAUSSIANS, Context(), region=[slice(0, 9)]))
    models = [NoiseModel(1.0, 0.0, 1.0)] * 2
    with pytest.raises(UsageError, match="2 noise models for 1 channels"):
        finish(rank(sample.noisy, GAUSSIANS, Context(), models=models))
    with pytest.raises(ImageError, match="NaN"):
        finish(rank(Image(np.full((64, 64), np.nan)), GAUSSIANS, Context()))
