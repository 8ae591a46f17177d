import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import forecast
from napari_selfdenoise.methods import get
from tests.running import denoise


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path


def test_it_learns_from_what_runs_took(cache):
    method, image = get("lota_n2n"), Image(np.zeros((512, 512), np.uint8))
    config = method.Config()
    plain = forecast.seconds(method, image, config)
    forecast.remember(method, image, config, 3 * plain)
    assert forecast.seconds(method, image, config) == pytest.approx(3 * plain)
    for _ in range(8):
        forecast.remember(method, image, config, plain)
    assert forecast.seconds(method, image, config) == pytest.approx(plain, rel=0.05)
    assert forecast.seconds(get("gaussian"), image, get("gaussian").Config()) < 1


def test_a_damaged_or_unwritable_memory_is_no_error(cache):
    method, image = get("lota_n2n"), Image(np.zeros((512, 512), np.uint8))
    path = cache / "napari-selfdenoise" / "seconds-per-forecast.json"
    path.parent.mkdir()
    path.write_text("[1, 2", encoding="utf-8")
    assert forecast.seconds(method, image, method.Config()) > 0
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be", encoding="utf-8")
    forecast.remember(method, image, method.Config(), 100)


def test_a_run_that_was_cut_short_teaches_nothing(cache, monkeypatch):
    monkeypatch.setattr(forecast, "SHORTEST", 0.0)
    image = np.random.default_rng(0).normal(100, 9, (64, 64)).astype(np.float32)
    config = get("lota_n2n").Config.from_json({"steps": 20, "patch_size": 32})
    memory = cache / "napari-selfdenoise" / "seconds-per-forecast.json"
    denoise("lota_n2n", image, config, time_budget=100.0)
    assert not memory.exists()
    denoise("lota_n2n", image, config)
    assert memory.exists()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("ap_bsn", {"passes": 20}),
        ("blind2unblind", {"spacing": 5}),
        ("noise2self", {"every_lattice": True}),
        ("recorrupted2recorrupted", {"recorruptions": 50}),
        ("self2self", {"predictions": 100}),
    ],
)
def test_what_denoises_in_many_passes_takes_longer_the_more_there_is_to_denoise(name, more):
    method = get(name)
    one, many = (Image(np.zeros((planes, 512, 512), np.uint16), "TYX") for planes in (1, 20))

    def per_plane(config):
        return (method.forecast(many, config) - method.forecast(one, config)) / 19

    usual = per_plane(method.Config())
    assert usual > 0
    assert per_plane(method.Config(**more)) > 1.3 * usual
