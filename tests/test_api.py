import dask.array as da
import numpy as np
import pytest
import zarr

from napari_selfdenoise import apply, denoise, load, save, train
from napari_selfdenoise.api import methods
from napari_selfdenoise.core.errors import (
    AxesError,
    ConfigError,
    ImageError,
    ModelError,
    UnknownMethodError,
    UsageError,
)
from napari_selfdenoise.core.events import Note, Progress
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.methods import METHODS

TINY = {"steps": 3, "patch_size": 16}


@pytest.fixture
def pixels():
    return np.random.default_rng(0).poisson(20, (3, 24, 20)).astype("uint16")


def test_methods_are_listed_in_order():
    assert list(methods()) == list(METHODS)
    assert all(method.name == name for name, method in methods().items())


def test_arrays_of_every_kind_and_files_give_the_same(pixels, tmp_path):
    on_disk = zarr.create_array(tmp_path / "a.zarr", shape=pixels.shape, dtype=pixels.dtype)
    on_disk[:] = pixels
    write_tiff(tmp_path / "a.tif", Image(pixels, axes="TYX"))
    sources = {
        "numpy": pixels,
        "dask": da.from_array(pixels, chunks=(1, 24, 20)),
        "zarr": on_disk,
        "image": Image(pixels),
        "path": tmp_path / "a.tif",
        "text": str(tmp_path / "a.tif"),
    }
    before = pixels.copy()
    results = {name: denoise(each, "gaussian") for name, each in sources.items()}
    np.testing.assert_array_equal(pixels, before)
    for name, result in results.items():
        assert result["denoised"].dtype == np.float32, name
        np.testing.assert_array_equal(
            result["denoised"].data, results["numpy"]["denoised"].data
        )


def test_axes_scale_and_units_come_back(pixels):
    image = Image(pixels, axes="ZYX", scale=(2, 0.1, 0.1), units=("micrometer",) * 3, name="a")
    denoised = denoise(image, "gaussian")["denoised"]
    assert (denoised.axes, denoised.scale, denoised.units) == ("ZYX", image.scale, image.units)
    assert denoise(image, "gaussian", axes="TYX")["denoised"].axes == "TYX"
    assert denoise(pixels, "gaussian", axes="czyx"[1:])["denoised"].axes == "ZYX"


def test_settings_presets_and_events(pixels):
    events = []
    result = denoise(pixels, "gaussian", settings={"width": 3}, on_event=events.append)
    assert result.provenance.settings["width"] == 3
    assert events[-1] == Progress(3, 3, "denoising")


def test_same_seed_same_pixels(pixels):
    first, second, other = (
        denoise(pixels[0], settings=TINY, seed=seed, device="cpu")["denoised"].data
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_train_save_load_apply(pixels, tmp_path):
    model = train([pixels, pixels[:, ::-1]], settings=TINY, device="cpu")
    path = save(model, tmp_path / "model")
    assert path.suffix == ".safetensors"
    direct, loaded, from_path = (
        apply(each, pixels, device="cpu")["denoised"].data for each in (model, load(path), path)
    )
    # Weights in memory are laid out for training, which may round the last bit otherwise.
    np.testing.assert_allclose(direct, loaded, rtol=1e-5)
    np.testing.assert_array_equal(loaded, from_path)


def test_training_on_one_array_is_training_on_a_list_of_it(pixels):
    alone, listed = (
        apply(train(each, settings=TINY, device="cpu"), pixels, device="cpu")["denoised"].data
        for each in (pixels, [pixels])
    )
    np.testing.assert_array_equal(alone, listed)


def test_the_model_of_a_result_can_be_applied(pixels):
    result = denoise(pixels[0], settings=TINY, device="cpu")
    again = apply(result.model, pixels[0], device="cpu")
    np.testing.assert_array_equal(again["denoised"].data, result["denoised"].data)


def test_wrong_requests_get_a_sentence(pixels, tmp_path):
    with pytest.raises(UnknownMethodError, match="Did you mean 'gaussian'"):
        denoise(pixels, "gausian")
    with pytest.raises(ConfigError, match="Did you mean 'width'"):
        denoise(pixels, "gaussian", settings={"widht": 2})
    with pytest.raises(ConfigError, match="No preset"):
        denoise(pixels, "gaussian", preset="fast")
    with pytest.raises(AxesError, match="name 2 axes"):
        denoise(pixels, "gaussian", axes="YX")
    with pytest.raises(UsageError, match="not list"):
        denoise([[1, 2], [3, 4]], "gaussian")
    with pytest.raises(UsageError, match="learns nothing"):
        train(pixels, "gaussian")
    with pytest.raises(UsageError, match="no image"):
        train([])
    with pytest.raises(ModelError, match="no model file"):
        load(tmp_path / "none.safetensors")


def test_noise_is_prepared_for_and_the_model_repeats_it(tmp_path):
    rows, columns = np.mgrid[:64, :64]
    clean = 2 + 60 * (np.sin(rows / 9) * np.cos(columns / 8)) ** 2
    noisy = np.random.default_rng(0).poisson(clean)
    prepared = denoise(noisy, "bm3d")
    plain = denoise(noisy, "bm3d", stabilise="off", decorrelate="off")
    assert prepared.provenance.preparation["noise_models"]
    assert not plain.provenance.preparation["noise_models"]
    errors = [np.square(each["denoised"].data - clean).mean() for each in (prepared, plain)]
    assert errors[0] < errors[1]
    model = train(noisy, "lota_n2n", settings=TINY, decorrelate=2)
    result = apply(save(model, tmp_path / "model"), noisy)
    assert result.provenance.preparation == model.provenance.preparation
    assert result.provenance.preparation["stride"] == 2
    with pytest.raises(ConfigError, match="decorrelate is '7'"):
        denoise(noisy, "bm3d", decorrelate=7)


@pytest.fixture
def pairs(pixels, tmp_path):
    """Two images and their targets, each of another kind of source."""
    write_tiff(tmp_path / "clean.tif", Image(pixels[0], axes="YX"))
    images = [pixels[1], Image(pixels[2], axes="YX")]
    return images, [tmp_path / "clean.tif", da.from_array(pixels[0], chunks=(8, 8))]


SMALL = {"steps": 2, "patch_size": 16, "width": 8}


@pytest.mark.parametrize("method", ["supervised", "noise2noise"])
def test_targets_of_every_kind_teach(pairs, pixels, method):
    images, targets = pairs
    options = {"settings": SMALL, "device": "cpu"}
    models = [
        train(images, method, targets=targets, **options),
        train(images, method, targets=[pixels[0], pixels[0]], **options),
        train(images, method, targets=[pixels[0], pixels[1]], **options),
    ]
    first, same, other = (
        apply(model, pixels[0], device="cpu")["denoised"].data for model in models
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_one_image_is_denoised_with_its_target(pairs):
    (image, _), (target, _) = pairs
    result = denoise(image, "supervised", target=target, settings=SMALL, device="cpu")
    assert result["denoised"].shape == image.shape


def test_targets_that_do_not_fit_get_a_sentence(pairs, pixels):
    images, targets = pairs
    with pytest.raises(UsageError, match=r"from a clean image.*1 for 2"):
        train(images, "supervised", targets=targets[0])
    with pytest.raises(UsageError, match="but none was given"):
        denoise(images[0], "supervised")
    with pytest.raises(ImageError, match="cannot be the target of image"):
        train(images[0], "supervised", targets=pixels)
    with pytest.raises(UsageError, match="LoTA-N2N takes no target"):
        train(images, "lota_n2n", targets=targets)
    for method in ("gaussian", "lota_n2n"):
        with pytest.raises(UsageError, match="takes no target"):
            denoise(images[0], method, target=targets[0])


def test_what_does_not_fit_is_refused_before_anything_is_read(pixels):
    class Unreadable:
        shape, dtype = pixels.shape, pixels.dtype

        def __getitem__(self, key):
            raise AssertionError("read")

    images = [Image(Unreadable(), "TYX"), Image(Unreadable(), "CYX")]
    with pytest.raises(ImageError, match="has 3 channels"):
        train(images)
    with pytest.raises(UsageError, match="none was given"):
        train(images[:1], "supervised")


def test_a_tiny_image_among_others_is_mirrored_and_told(pixels):
    events = []
    images = [pixels[0][:5, :7], *pixels]
    train(images, "iddp", settings=SMALL, device="cpu", on_event=events.append)
    told = [event.text for event in events if isinstance(event, Note)]
    assert any("1 of 4 images are smaller than the patches of 16 x 16" in text for text in told)
