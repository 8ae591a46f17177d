"""Models as packages of BioImage.IO: written, checked with its own tools, read back."""

import io
import json
import warnings
import zipfile

import numpy as np
import pytest
import torch
import yaml
from PIL import Image as Picture

from napari_selfdenoise import api
from napari_selfdenoise.core.errors import FileError, ModelError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_model import NoiseModel
from napari_selfdenoise.engine.bioimageio.package import ATTACHMENT, describe
from napari_selfdenoise.engine.bioimageio.whole import Stabilisation
from napari_selfdenoise.engine.model_facts import ModelFacts
from napari_selfdenoise.engine.models_folder import models_in
from tests.running import NARROW, noisy

ABOUT = {"name": "Cells", "authors": ["Ada"], "license": "CC-BY-4.0"}
SMALL = {"steps": 20, "patch_size": 32}


def grey(shape=(70, 66), seed=0):
    return Image(noisy(shape, seed), "YX", (0.1, 0.2), ("micrometer",) * 2)


def coloured(shape=(70, 66)):
    return Image(np.stack([noisy(shape, seed) for seed in range(3)], axis=-1), "YXS")


def channels(shape=(70, 66)):
    return Image(np.stack([noisy(shape), noisy(shape, 2) * 20]), "CYX")


def train(image, method="lota_n2n", stabilise="off", **settings):
    settings = {**SMALL, **NARROW.get(method, {}), **settings}
    if method == "lota_n2n":
        settings = {"width": 8, **settings}
    return api.train(image, method, settings=settings, stabilise=stabilise)


def export(model, folder, **about):
    return api.export_model(model, folder / "cells", **{**ABOUT, **about})


def described(path):
    with zipfile.ZipFile(path) as archive:
        return yaml.safe_load(archive.read("rdf.yaml"))


def script(path):
    with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch, of TorchScript
        return torch.jit.load(io.BytesIO(archive.read("weights.pt")))


def as_batch(image, values=None):
    """The planes of an image as a package takes them, (1, channels, Y, X)."""
    values = image.read().astype(np.float32) if values is None else values
    return {
        "YX": lambda: values[None, None],
        "CYX": lambda: values[None],
        "YXS": lambda: values.transpose(2, 0, 1)[None],
    }[image.axes]()


def applied(model, image, **options):
    result = api.apply(model, image, precision="float32", **options)
    return as_batch(image, result["denoised"].data)


@pytest.fixture(scope="module")
def model():
    return train(grey())


@pytest.fixture(scope="module")
def package(model, tmp_path_factory):
    return export(model, tmp_path_factory.mktemp("package"))


# --- what other programs run --------------------------------------------------------------


@pytest.mark.parametrize("make", [grey, coloured, channels])
@pytest.mark.parametrize("stabilise", ["off", "on"])
def test_the_network_of_a_package_denoises_as_the_model_does(make, stabilise, tmp_path):
    """From intensities to intensities, on images of any size."""
    model = train(make(), stabilise=stabilise)
    network = script(export(model, tmp_path))
    for shape in ((70, 66), (81, 64)):
        image = make(shape)
        with torch.no_grad():
            found = network(torch.from_numpy(as_batch(image))).numpy()
        expected = applied(model, image)
        assert np.abs(found - expected).max() < 1e-5 * np.ptp(expected)
        assert np.abs(expected - as_batch(image)).max() > 1  # it does denoise


@pytest.mark.parametrize(
    "camera", [NoiseModel(2, 100, 5), NoiseModel(0.5, 10, 0), NoiseModel(0, 10, 3)], ids=str
)
def test_stabilisation_is_that_of_the_noise_model(camera):
    values = np.linspace(-50, 3000, 500, dtype=np.float32)
    even = Stabilisation(camera).stabilise(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(even, camera.stabilise(values), rtol=1e-5, atol=1e-3)
    scale = np.linspace(-2, 60, 500, dtype=np.float32)
    back = Stabilisation(camera).restore(torch.from_numpy(scale)).numpy()
    np.testing.assert_allclose(back, camera.restore(scale), rtol=1e-5, atol=1e-2)


def test_sides_are_multiples_where_the_network_asks_for_them(tmp_path):
    model = train(grey(), "tucker_pnp", width=4, all_orientations=False, updates=1)
    path = export(model, tmp_path)
    size = described(path)["inputs"][0]["axes"][2]["size"]
    (halo,) = {axis["halo"] for axis in described(path)["outputs"][0]["axes"][2:]}
    assert size["step"] == 32
    assert size["min"] % 32 == 0
    assert halo >= model.method.halo(model.config)
    assert size["min"] > 2 * halo
    image = grey((96, 64))
    with torch.no_grad():
        found = script(path)(torch.from_numpy(as_batch(image))).numpy()
    np.testing.assert_allclose(found, applied(model, image), atol=1e-3)


def test_any_side_is_right_where_it_is(package):
    size = described(package)["inputs"][0]["axes"][2]["size"]
    assert size["step"] == 1


def test_of_a_posterior_the_network_for_one_pass_is_exported(tmp_path):
    with pytest.raises(ModelError, match=r"drawn at random; train it with direct_share"):
        export(train(grey(), "cosdd"), tmp_path)
    model = train(grey(), "cosdd", direct_share=0.5)
    image = grey((64, 128))
    with torch.no_grad():
        found = script(export(model, tmp_path))(torch.from_numpy(as_batch(image))).numpy()
    expected = applied(model, image, sampling={"samples": 0})
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_what_is_no_single_network_gets_a_sentence(tmp_path):
    film = Image(noisy((2, 40, 40)), "TYX")
    with pytest.raises(ModelError, match=r"one for each plane .* network_per=stack"):
        export(train(film, network_per="plane"), tmp_path)
    divided = api.train(grey((96, 96)), settings=SMALL, decorrelate=2)
    with pytest.raises(ModelError, match=r"sub-images .*decorrelate=2.*decorrelate=off"):
        export(divided, tmp_path)
    both = Image(np.stack([coloured((40, 40)).read()] * 2), "CYXS")
    with pytest.raises(ModelError, match="2 networks for channels that have 3 colour"):
        export(train(both), tmp_path)
    assert not list(tmp_path.iterdir())


# --- what it says -------------------------------------------------------------------------


def test_what_the_model_remembers_fills_in_the_description(model, package):
    says = described(package)
    assert says["name"] == "Cells"
    assert says["authors"] == [{"name": "Ada"}]
    assert says["license"] == "CC-BY-4.0"
    assert "LoTA-N2N" in says["description"]
    assert says["cite"][0]["doi"] == "10.48550/arXiv.2403.12382"
    assert says["timestamp"] == model.provenance.created
    written = says["config"]["napari_selfdenoise"]["provenance"]
    assert written == json.loads(json.dumps(model.provenance.to_json()))
    (y, x) = says["inputs"][0]["axes"][2:]
    assert (y["unit"], x["unit"]) == ("micrometer", "micrometer")
    assert (y["scale"], x["scale"]) == pytest.approx((0.1, 0.2))


def test_readme_cover_and_test_images_are_of_the_model(model, package):
    with zipfile.ZipFile(package) as archive:
        readme = archive.read("README.md").decode()
        cover = np.asarray(Picture.open(io.BytesIO(archive.read("cover.png"))))
        tensors = [
            np.load(io.BytesIO(archive.read(name))) for name in ("noisy.npy", "denoised.npy")
        ]
    assert model.provenance.reference in readme
    assert model.method.assumes in readme
    assert "## Validation" in readme
    assert cover.shape == (256, 512)
    noisy_tensor, denoised = tensors
    seen = model.facts.seen[0]
    assert seen.low <= noisy_tensor.min() < noisy_tensor.max() <= seen.high
    expected = applied(model, Image(noisy_tensor[0, 0], "YX"))
    np.testing.assert_allclose(denoised, expected, atol=1e-3)


def test_a_model_that_remembers_nothing_can_be_exported(model, tmp_path):
    from dataclasses import replace

    for image in (grey(), coloured()):
        forgetful = replace(train(image, stabilise="on"), facts=ModelFacts())
        path = export(forgetful, tmp_path, overwrite=True)
        assert api.load(path).facts.author == "Ada"


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"name": "ü"}, "'ü' cannot be the name of a package: 5 to 128 letters"),
        ({"license": "free"}, "'free' is not the SPDX identifier of one licence"),
        ({"license": "MIT OR Apache-2.0"}, "identifier of one licence"),
        ({"license": "LicenseRef-mine"}, "identifier of one licence"),
        ({"authors": []}, "needs an author"),
        ({"authors": "Ada/Bob"}, "'Ada/Bob' cannot have a slash"),
        ({"description": "x" * 2000}, "has 2000 characters, but a package has room for 1024"),
    ],
)
def test_what_is_not_accepted_gets_a_sentence(model, tmp_path, about, sentence):
    with pytest.raises(UsageError, match=sentence):
        export(model, tmp_path, **about)


def test_licences_are_spelled_and_authors_known(model, tmp_path):
    path = api.save(model, tmp_path / "cells", author="Grace")
    says = described(export(path, tmp_path, license="cc0-1.0", authors=()))
    assert (says["license"], says["authors"]) == ("CC0-1.0", [{"name": "Grace"}])


def test_an_existing_package_is_kept(model, package):
    before = package.read_bytes()
    with pytest.raises(FileError, match="exists already"):
        export(model, package.parent)
    assert package.read_bytes() == before


# --- reading it back ----------------------------------------------------------------------


def test_nothing_is_lost(model, package):
    loaded = api.load(package)
    assert loaded.provenance == model.provenance
    assert loaded.config == model.config
    image = grey((50, 41))
    np.testing.assert_array_equal(applied(loaded, image), applied(model, image))
    assert describe(package).facts.seen == model.facts.seen


def repacked(package, path, **changed):
    """Copy a package; `changed` are contents by name, None for what is left out."""
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = changed.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return path


def test_what_other_programs_run_is_never_opened(package, tmp_path):
    path = repacked(package, tmp_path / "a.zip", **{"weights.pt": b"a program"})
    assert api.load(path).method.name == "lota_n2n"


def test_packages_of_others_and_damaged_ones_get_a_sentence(package, tmp_path):
    foreign = repacked(package, tmp_path / "a.zip", **{ATTACHMENT: None})
    with pytest.raises(ModelError, match=r"'Cells' of another program.*torchscript.*exported"):
        api.load(foreign)
    damaged = repacked(package, tmp_path / "b.zip", **{ATTACHMENT: b"changed"})
    with pytest.raises(ModelError, match="not the file that was packed"):
        api.load(damaged)
    unknown = repacked(package, tmp_path / "c.zip", **{"rdf.yaml": None})
    with pytest.raises(ModelError, match=r"no package of BioImage.IO: it holds no rdf.yaml"):
        api.load(unknown)
    other = tmp_path / "d.zip"
    other.write_bytes(b"no archive")
    with pytest.raises(ModelError, match="not a readable package"):
        api.load(other)
    with pytest.raises(ModelError, match="There is no model file"):
        api.load(tmp_path / "none.zip")


def test_a_folder_tells_its_models_and_passes_others_over(model, package, tmp_path):
    repacked(package, tmp_path / "a.zip", **{ATTACHMENT: None})
    repacked(package, tmp_path / "ours.zip")
    api.save(model, tmp_path / "cells")
    (tmp_path / "b.safetensors").write_bytes(b"damaged")
    (tmp_path / "readme.txt").write_text("text")
    found, sentences = models_in(tmp_path)
    assert {each.path.name for each in found} == {"ours.zip", "cells.safetensors"}
    (sentence,) = sentences
    assert "b.safetensors is not a readable model file" in sentence


# --- the tools of BioImage.IO ---------------------------------------------------------------


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """bioimageio.core, if it is there and works; it stays offline."""
    pytest.importorskip("bioimageio.core", reason="bioimageio.core is not installed")
    import pydantic
    from bioimageio.spec import __version__
    from packaging.version import Version

    if Version(pydantic.VERSION) >= Version("2.14") and Version(__version__) < Version(
        "0.5.13"
    ):
        pytest.skip(f"bioimageio.spec {__version__} fails with pydantic {pydantic.VERSION}")
    monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that are not ours
        import bioimageio.core

        yield bioimageio.core


@pytest.mark.parametrize("make", [grey, coloured, channels])
def test_bioimageio_accepts_a_package_and_gets_the_same_image(make, tools, tmp_path):
    from bioimageio.core.digest_spec import create_sample_for_model
    from bioimageio.spec import ValidationContext, load_description

    model = train(make())
    path = export(model, tmp_path)
    for io_checks in (False, True):
        with ValidationContext(perform_io_checks=io_checks):
            package = load_description(path)
        assert package.validation_summary.status == "valid-format"
        assert not [each for part in package.validation_summary.details for each in part.errors]
    image = make()
    with tools.create_prediction_pipeline(package) as pipeline:
        sample = create_sample_for_model(package, inputs={"noisy": as_batch(image)})
        whole, padded = (
            pipeline.predict_sample_without_blocking(
                sample, skip_input_padding=not pads, skip_output_cropping=not pads
            )
            .members["denoised"]
            .data.to_numpy()
            for pads in (False, True)
        )
    expected = applied(model, image)
    np.testing.assert_allclose(whole, expected, atol=1e-4)
    # What is padded for the halo differs at the border, where the network sees beyond it.
    inner = (..., slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(padded[inner], expected[inner], atol=1e-4)
    assert tools.test_model(package).status == "passed"
