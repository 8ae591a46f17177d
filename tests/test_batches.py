"""Many files: into OME-Zarr or TIFF, through any interruption, on several processes."""

import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from napari_selfdenoise.cli import main
from napari_selfdenoise.cli.cluster import NO_DASHBOARD
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.journal import Journal
from napari_selfdenoise.data.output_files import write_image
from napari_selfdenoise.data.synthetic import make_sample

DISTRIBUTED = importlib.util.find_spec("distributed") is not None
SLOW = ["denoise", "-m", "bm3d", "--seed", "1", "--stabilise", "off", "--decorrelate", "off"]


@pytest.fixture
def days(tmp_path) -> Path:
    """A folder of four small stacks."""
    folder = tmp_path / "days"
    folder.mkdir()
    for day in range(4):
        noisy = make_sample("cells_timelapse", day, shape=(3, 96, 96)).noisy
        write_tiff(folder / f"{day}.tif", noisy)
    return folder


def run(*tokens: object) -> int:
    return main([str(token) for token in tokens])


def shell(*tokens: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "napari_selfdenoise.cli", *map(str, tokens)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: read_image(path).read().tobytes() for path in folder.iterdir()}


def test_a_folder_of_which_nothing_came_is_not_left_behind(tmp_path, days):
    command = ["denoise", "-m", "gaussian", "-o", tmp_path / "new" / "out"]
    assert run(*command, tmp_path / "missing.tif") == 1
    assert not (tmp_path / "new" / "out").exists()
    (tmp_path / "mine").mkdir()
    assert run("denoise", "-m", "gaussian", "-o", tmp_path / "mine", "missing.tif") == 1
    assert (tmp_path / "mine").exists()  # it was there before
    assert run(*command, tmp_path / "missing.tif", days / "0.tif") == 1
    assert len(list((tmp_path / "new" / "out").iterdir())) == 1


# --- OME-Zarr in and out ----------------------------------------------------------------


def test_one_image_into_a_file_of_any_kind(days, tmp_path, capsys):
    for name in ("a.ome.zarr", "a.tif"):
        command = ["denoise", days / "0.tif", "-m", "gaussian", "--keep", "residual"]
        assert run(*command, "-o", tmp_path / "out" / name) == 0
        stem, _, suffix = name.partition(".")
        written = [tmp_path / "out" / name, tmp_path / "out" / f"{stem}.residual.{suffix}"]
        assert capsys.readouterr().out.split() == [str(path) for path in written]
        noisy, denoised, residual = map(read_image, [days / "0.tif", *written])
        for each in (denoised, residual):
            assert (each.axes, each.scale, each.units) == (
                noisy.axes,
                noisy.scale,
                noisy.units,
            )
        total = denoised.read() + residual.read()
        np.testing.assert_allclose(total, noisy.read(), rtol=1e-5)
    assert run(*command, "-o", tmp_path / "out" / "a.tif") == 1
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_folder_of_zarrs_into_zarrs(tmp_path, capsys):
    for day in range(2):
        noisy = make_sample("cells", day, shape=(40, 36)).noisy
        write_image(tmp_path / "in" / f"{day}.ome.zarr", noisy)
    options = ["-m", "gaussian", "--format", "ome.zarr"]
    assert run("denoise", tmp_path / "in", "-o", tmp_path / "in", *options) == 0
    written = [Path(line).name for line in capsys.readouterr().out.split()]
    assert written == [f"{day}.gaussian.denoised.ome.zarr" for day in range(2)]
    # Neither results nor what is inside of a zarr folder are images to denoise.
    out = tmp_path / "out"
    assert run("denoise", tmp_path / "in", "-o", out, *options, "--recursive") == 0
    assert sorted(path.name for path in out.iterdir()) == written


@pytest.mark.parametrize("options", [[], ["--stabilise", "on"], ["--decorrelate", "2"]])
@pytest.mark.parametrize("method", ["nl_means", "lota_n2n"])
def test_pixels_are_the_same_in_memory_and_in_files(tmp_path, method, options):
    """Whatever the preparation, and whether a model is trained."""
    from napari_selfdenoise import denoise

    noisy = make_sample("cells_timelapse", 0, shape=(2, 80, 70)).noisy
    settings = {"steps": 3} if method == "lota_n2n" else {}
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    how = {key.removeprefix("--"): value for key, value in pairs.items()}
    expected = denoise(noisy, method, settings=settings, **how)
    for name in ("a.ome.zarr", "a.tif"):
        found = denoise(noisy, method, settings=settings, out=tmp_path / name, **how)
        for kind in ("denoised", "residual"):
            assert not isinstance(found[kind].data, np.ndarray)
            np.testing.assert_array_equal(found[kind].read(), expected[kind].data)
        stored = read_image(tmp_path / name)
        np.testing.assert_array_equal(stored.read(), expected["denoised"].data)
    assert {path.name for path in tmp_path.iterdir()} == {"a.ome.zarr", "a.tif"}


def test_posterior_samples_do_not_need_memory_either(tmp_path):
    from napari_selfdenoise import apply, denoise

    noisy = make_sample("cells_timelapse", 0, shape=(2, 40, 36)).noisy
    settings = {"steps": 3, "patch_size": 32, "features": 4, "levels": 3, "noise_filters": 4}
    sampling = {"samples": 4, "tolerance": 0.0}
    first = denoise(noisy, "cosdd", settings=settings, sampling=sampling)
    out = tmp_path / "a.ome.zarr"
    second = apply(first.model, noisy, sampling=sampling, out=out)
    np.testing.assert_array_equal(second["denoised"].read(), first["denoised"].data)
    assert list(tmp_path.iterdir()) == [out]


def test_an_input_is_never_written_over(days, tmp_path, capsys):
    before = (days / "0.tif").read_bytes()
    command = ["denoise", days / "0.tif", "-m", "gaussian", "--overwrite"]
    assert run(*command, "-o", days / ".." / "days" / "0.tif") == 2
    assert "is a file that is read" in capsys.readouterr().err
    assert run("denoise", days, "-m", "gaussian", "-o", tmp_path / "a.tif") == 2
    assert "names one file, but there are 4 images" in capsys.readouterr().err
    assert (days / "0.tif").read_bytes() == before


# --- interruptions ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["tif", "ome.zarr"])
def test_killed_at_any_moment_the_same_command_goes_on(days, tmp_path, suffix):
    command = [*SLOW, days, "--format", suffix]
    assert run(*command, "-o", tmp_path / "whole") == 0
    rng, out = random.Random(suffix), tmp_path / "killed"
    for done in (0, 1, 3):
        process = shell(*command, "-o", out)
        while len(list(out.glob(f"[0-9]*.{suffix}"))) < done or not list(out.glob(".*")):
            assert process.poll() is None, "it was not killed in time"
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    last = shell(*command, "-o", out)
    printed, _ = last.communicate()
    assert (last.returncode, len(printed.split())) == (0, 4)
    assert pixels(out) == pixels(tmp_path / "whole")


def test_what_is_done_is_not_done_again(days, tmp_path, capsys, monkeypatch):
    """Nor is what another program put there taken for a result."""
    from napari_selfdenoise.cli.job import Job

    out, command = tmp_path / "out", [*SLOW, days, "-o", tmp_path / "out"]
    denoise, calls = Job.run, []

    def dying(job, item, driver, start=None):
        calls.append(item.input.name)
        if len(calls) == 3:
            raise SystemExit  # as a kill between two files
        return denoise(job, item, driver, start)

    monkeypatch.setattr(Job, "run", dying)
    monkeypatch.setattr(Journal, "close", lambda self, *, complete: self._file.close())
    with pytest.raises(SystemExit):
        run(*command)
    monkeypatch.undo()
    (journal,) = out.glob(".*.journal")
    journal.write_bytes(journal.read_bytes() + b'{"done": {"name"')  # cut off by a crash
    monkeypatch.setattr(Job, "run", dying)
    first = out / "0.bm3d.denoised.tif"
    first.unlink()  # lost: made again
    capsys.readouterr()
    assert run(*command, "--json") == 0
    captured = capsys.readouterr()
    assert calls[3:] == ["0.tif", "2.tif", "3.tif"]
    assert len(json.loads(captured.out)["results"]) == 4
    assert "1 of 4 images were done before" in captured.err
    assert not list(out.glob(".*"))
    assert run(*command) == 1  # complete: now these are results of another run


def test_a_changed_input_is_denoised_again_and_foreign_outputs_stay(tmp_path):
    source, output = tmp_path / "a.tif", tmp_path / "b.tif"
    source.write_text("noisy")
    journal = Journal(tmp_path, {"width": 2})
    journal.begin(source, [output])
    assert journal.owns(source, output)  # were it there, it would be of this run
    output.write_text("denoised")
    journal.finish(source, [output], {"seconds": 1})
    with pytest.raises(UsageError, match="Another process is at work"):
        Journal(tmp_path, {"width": 2})
    journal.close(complete=False)
    again = Journal(tmp_path, {"width": 2})
    assert again.done(source) == {"seconds": 1}
    assert Journal(tmp_path, {"width": 3}).done(source) is None
    source.write_text("noisier")
    assert again.done(source) is None
    assert again.owns(source, output)
    output.write_text("changed by hand")
    assert not again.owns(source, output)
    again.close(complete=True)
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", "b.tif"}


# --- several processes ------------------------------------------------------------------


@pytest.fixture
def two_workers():
    if not DISTRIBUTED:
        pytest.skip("dask.distributed is not installed")
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=0,
        scheduler_kwargs=NO_DASHBOARD,
        silence_logs=50,
    ) as cluster:
        yield cluster


@pytest.mark.skipif(not DISTRIBUTED, reason="dask.distributed is not installed")
def test_workers_write_what_one_process_writes(days, tmp_path, capfd):
    (days / "bad.tif").write_bytes(b"damaged")
    assert run(*SLOW, days, "-o", tmp_path / "here") == 1
    assert run(*SLOW, days, "-o", tmp_path / "there", "--workers", "2", "--json") == 1
    out, err = capfd.readouterr()
    report = json.loads(out[out.index("{") :])
    assert len(report["results"]) == 4
    assert "bad.tif (5 of 5): bad.tif cannot be read" in err
    assert pixels(tmp_path / "there") == pixels(tmp_path / "here")


@pytest.mark.skipif(not DISTRIBUTED, reason="dask.distributed is not installed")
def test_a_dashboard_of_another_cluster_is_not_in_the_way(days, tmp_path, capfd):
    with socket.socket() as other:
        with suppress(OSError):  # it is taken already
            other.bind(("", 8787))
            other.listen()
        command = ["denoise", "-m", "gaussian", days, "-o", tmp_path / "out"]
        assert run(*command, "--workers", "1") == 0
    assert "8787" not in capfd.readouterr().err


def test_a_killed_worker_costs_nothing(days, tmp_path, two_workers, capfd):
    """Its file is denoised again by another; a model is read from its file by each."""
    model = tmp_path / "m.safetensors"
    settings = ["--set", "steps=3", "--set", "patch_size=16"]
    assert run("train", days / "0.tif", "-o", model, "-m", "lota_n2n", *settings) == 0
    rng = np.random.default_rng(0)
    for day in range(4):
        noisy = Image(rng.poisson(90, (6, 256, 256)).astype(np.uint16), "TYX")
        write_tiff(days / f"{day}.tif", noisy, overwrite=True)
    command = ["apply", model, days, "-o"]
    assert run(*command, tmp_path / "here") == 0
    process = shell(*command, tmp_path / "there", "--scheduler", two_workers.scheduler_address)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "there").glob(".*.partial")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(two_workers.workers[0].pid, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(set(out.split())) == len(out.split()) == 4
    assert pixels(tmp_path / "there") == pixels(tmp_path / "here")


@pytest.mark.skipif(not DISTRIBUTED, reason="dask.distributed is not installed")
def test_a_scheduler_that_is_not_there_is_told(days, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("napari_selfdenoise.cli.cluster._CONNECTS_WITHIN", 1)
    command = ["denoise", days, "-m", "gaussian", "-o", tmp_path / "out"]
    assert run(*command, "--scheduler", "tcp://127.0.0.1:9") == 2
    assert "No dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
    assert run(*command, "--scheduler", "tcp://127.0.0.1:9", "--workers", "2") == 2
    assert "exclude each other" in capsys.readouterr().err
