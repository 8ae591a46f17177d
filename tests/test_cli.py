import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_selfdenoise.cli import main, running
from napari_selfdenoise.cli.files import files_of
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Note, Progress
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.methods import METHODS

TINY = ["--set", "steps=3", "--set", "patch_size=16", "--device", "cpu"]
HEAVY = {
    "torch",
    "napari",
    "qtpy",
    "magicgui",
    "PyQt6",
    "PySide6",
    "skimage",
    "zarr",
    "tifffile",
}


@pytest.fixture
def noisy(tmp_path) -> Path:
    path = tmp_path / "cells.ome.tif"
    write_tiff(path, make_sample("cells", shape=(48, 40)).noisy)
    return path


@pytest.fixture
def stack(tmp_path) -> Path:
    path = tmp_path / "film.tif"
    write_tiff(path, make_sample("cells_timelapse", shape=(3, 32, 32)).noisy)
    return path


def run(*tokens: object) -> int:
    return main([str(token) for token in tokens])


def shell(*tokens: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "napari_selfdenoise.cli", *map(str, tokens)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# --- starting ---------------------------------------------------------------------------


def test_help_is_instant_and_loads_nothing_heavy():
    code = (
        "import sys, time\n"
        "from napari_selfdenoise.cli import main\n"
        "code = main(['--help'])\n"
        "print(code, time.process_time(), *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    exit_code, seconds, *modules = done.stderr.split()
    assert exit_code == "0"
    assert float(seconds) < 1
    assert not HEAVY & {module.split(".")[0] for module in modules}
    for command in ("methods", "denoise", "train", "apply", "demo", "doctor"):
        assert f" {command} " in done.stdout


def test_methods_are_listed_without_torch():
    code = (
        "import sys\n"
        "from napari_selfdenoise.cli import main\n"
        "main(['methods', '--json'])\n"
        "assert not {'torch', 'qtpy', 'napari'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert list(json.loads(done.stdout)) == list(METHODS)


@pytest.mark.parametrize("command", ["denoise", "train", "apply", "demo", "doctor", "methods"])
def test_every_command_has_help(command, capsys):
    assert run(command, "--help") == 0
    assert capsys.readouterr().out.startswith("Usage: napari-selfdenoise")


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.strip()


def test_methods_in_words(capsys):
    assert run("methods") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in METHODS)
    assert run("methods", "gaussian") == 0
    page = capsys.readouterr().out
    assert "width = 1.5" in page
    assert "Assumes" in page


def test_every_setting_is_on_its_methods_page(capsys):
    for name in METHODS:
        run("methods", name, "--json")
        described = json.loads(capsys.readouterr().out)
        run("methods", name)
        page = capsys.readouterr().out
        for setting in described["settings"]:
            assert f"  {setting['name']} = " in page


# --- denoise ----------------------------------------------------------------------------


def test_denoise_as_a_user_types_it(noisy, tmp_path):
    out = tmp_path / "out"
    done = shell("denoise", noisy, "-o", out, "-m", "gaussian", "--keep", "residual")
    assert done.returncode == 0
    assert done.stderr == ""
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert [path.name for path in paths] == [
        "cells.gaussian.denoised.tif",
        "cells.gaussian.residual.tif",
    ]
    before, (denoised, residual) = read_image(noisy), map(read_image, paths)
    assert (denoised.axes, denoised.scale, denoised.units) == (
        before.axes,
        before.scale,
        before.units,
    )
    assert denoised.dtype == np.float32
    total = denoised.read() + residual.read()
    np.testing.assert_allclose(total, before.read(), rtol=1e-6)


def test_json_says_all_there_is_to_say(noisy, tmp_path, capsys):
    clean = tmp_path / "clean.tif"
    write_tiff(clean, make_sample("cells", shape=(48, 40)).clean)
    command = ["denoise", noisy, "-o", tmp_path, "-m", "gaussian", "--seed", "7", "--json"]
    assert run(*command, "--reference", clean, "--set", "width=2") == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert Path(result["files"]["denoised"]).exists()
    assert result["psnr"] > result["psnr_noisy"]
    assert 0 < result["ssim_noisy"] < result["ssim"] < 1
    assert result["seconds"] >= 0
    assert result["provenance"]["seed"] == 7
    assert result["provenance"]["settings"]["width"] == 2


def test_scores_in_words(noisy, tmp_path, capsys):
    clean = tmp_path / "clean.tif"
    write_tiff(clean, make_sample("cells", shape=(48, 40)).clean)
    assert run("denoise", noisy, "-o", tmp_path, "-m", "gaussian", "--reference", clean) == 0
    path, scores = capsys.readouterr().out.splitlines()
    assert Path(path).exists()
    assert scores.startswith("PSNR ")
    assert " dB, SSIM " in scores


def test_eight_bit_references_are_scored_as_in_publications(tmp_path, capsys):
    rng = np.random.default_rng(0)
    clean = np.full((32, 32), 20, "uint8")
    clean[8:16] = 90
    noise = rng.normal(0, 9, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).round().astype("uint8")
    Picture.fromarray(clean).save(tmp_path / "clean.png")
    Picture.fromarray(noisy).save(tmp_path / "noisy.png")
    run(
        *("denoise", tmp_path / "noisy.png", "-o", tmp_path, "-m", "gaussian", "--json"),
        *("--reference", tmp_path / "clean.png"),
    )
    (result,) = json.loads(capsys.readouterr().out)["results"]
    error = np.mean((noisy.astype(float) - clean) ** 2)
    assert result["psnr_noisy"] == pytest.approx(10 * np.log10(255**2 / error))


def test_a_failing_file_is_skipped_and_reported(noisy, stack, tmp_path, capsys):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"nothing")
    assert run("denoise", noisy, bad, stack, "-o", tmp_path / "out", "-m", "gaussian") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "bad.tif (2 of 3): bad.tif cannot be read" in err
    assert "1 of 3 images failed" in err


def test_a_folder_stands_for_the_images_in_it(noisy, stack, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.tif").write_bytes(noisy.read_bytes())
    (tmp_path / "below").mkdir()
    command = ["denoise", tmp_path, "-o", tmp_path, "-m", "gaussian", "--keep", "residual"]
    assert run(*command) == 0
    written = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    results = ["cells.gaussian.denoised.tif", "film.gaussian.denoised.tif"]
    assert [name for name in written if "denoised" in name] == results
    # Results beside the images are not taken for images.
    assert run(*command, "--overwrite") == 0
    assert len(list(tmp_path.glob("*.denoised.tif"))) == 2


def test_no_image_of_a_result_is_taken_for_an_input(tmp_path):
    kinds = ["denoised", "residual", "posterior_std", "samples", "generated_noise", "prior"]
    results = [f"cells.some_method2.{kind}.tif" for kind in [*kinds, "direct"]]
    images = ["cells.tif", "denoised.tif", "my.samples.tif", "a.b.denoised.png", "x.y.z.tif"]
    for name in results + images:
        (tmp_path / name).touch()
    assert [path.name for path in files_of([tmp_path])] == sorted(images)
    assert files_of([tmp_path / results[0]]) == [tmp_path / results[0]]


def test_a_folder_without_images_is_told(tmp_path, capsys):
    assert run("denoise", tmp_path, "-o", tmp_path / "out", "-m", "gaussian") == 2
    assert "holds no TIFF, PNG or JPEG image" in capsys.readouterr().err


def test_a_model_is_trained_on_a_folder_and_applied_to_one(tmp_path, capsys):
    days, model = tmp_path / "days", tmp_path / "cells.safetensors"
    days.mkdir()
    for day in range(2):
        write_tiff(days / f"{day}.tif", make_sample("cells", day, shape=(48, 40)).noisy)
    assert run("train", days, "-o", model, "-m", "lota_n2n", *TINY) == 0
    (days / "2.tif").write_bytes(b"damaged")
    assert run("apply", model, days, "-o", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert "2.tif (3 of 3): 2.tif cannot be read" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "0.lota_n2n.denoised.tif",
        "1.lota_n2n.denoised.tif",
    ]


def test_existing_results_are_kept_unless_told(noisy, tmp_path, capsys):
    command = ["denoise", noisy, "-o", tmp_path, "-m", "gaussian"]
    assert run(*command) == 0
    former = (tmp_path / "cells.gaussian.denoised.tif").read_bytes()
    assert run(*command, "--set", "width=3") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "cells.gaussian.denoised.tif").read_bytes() == former
    assert run(*command, "--set", "width=3", "--overwrite") == 0
    assert (tmp_path / "cells.gaussian.denoised.tif").read_bytes() != former


def test_two_inputs_of_one_name_are_refused(noisy, tmp_path, capsys):
    other = tmp_path / "other" / "cells.tif"
    other.parent.mkdir()
    other.write_bytes(noisy.read_bytes())
    assert run("denoise", noisy, other, "-o", tmp_path, "-m", "gaussian") == 2
    assert "same file" in capsys.readouterr().err


def test_guessed_axes_are_said_and_can_be_corrected(tmp_path, capsys):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 99, (5, 16, 16), "uint16"))
    command = ["denoise", path, "-m", "gaussian", "--overwrite", "-o", tmp_path]
    assert run(*command) == 0
    assert "taken for TYX" in capsys.readouterr().err
    assert run(*command, "--axes", "ZYX") == 0
    assert capsys.readouterr().err == ""
    assert read_image(tmp_path / "a.gaussian.denoised.tif").axes == "ZYX"


def test_learned_method_with_the_same_seed_gives_the_same_pixels(noisy, tmp_path):
    for out in ("first", "second"):
        assert run("denoise", noisy, "-o", tmp_path / out, "-m", "lota_n2n", *TINY) == 0
    pixels = [
        read_image(tmp_path / out / "cells.lota_n2n.denoised.tif").read()
        for out in ("first", "second")
    ]
    np.testing.assert_array_equal(*pixels)


# --- train and apply --------------------------------------------------------------------


def test_train_then_apply(noisy, stack, tmp_path, capsys):
    model = tmp_path / "model"
    assert run("train", noisy, stack, "-o", model, "-m", "lota_n2n", *TINY) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == model.with_suffix(".safetensors")
    assert not list(tmp_path.glob("*.checkpoint*"))
    assert run("apply", path, noisy, stack, "-o", tmp_path / "out", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(each["files"]["denoised"]).name for each in report["results"]] == [
        "cells.lota_n2n.denoised.tif",
        "film.lota_n2n.denoised.tif",
    ]


def test_an_existing_model_is_kept_unless_told(noisy, tmp_path, capsys):
    command = ["train", noisy, "-o", tmp_path / "m.safetensors", "-m", "lota_n2n", *TINY]
    assert run(*command) == 0
    assert run(*command) == 1
    assert "exists already" in capsys.readouterr().err
    assert run(*command, "--overwrite", "--json") == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is False


def test_training_stopped_half_way_is_kept_and_resumed(noisy, tmp_path, capsys, interrupt_at):
    model = tmp_path / "m.safetensors"
    steps = ["--set", "steps=60", "--set", "patch_size=16", "--device", "cpu"]
    with interrupt_at(20):
        assert run("train", noisy, "-o", model, "-m", "lota_n2n", *steps) == 130
    assert model.exists()
    assert "--resume" in capsys.readouterr().err
    assert run("train", noisy, "-o", model, "-m", "lota_n2n", *steps, "--resume") == 0
    assert not list(tmp_path.glob("*.checkpoint*"))


def test_a_method_that_learns_nothing_cannot_be_trained(noisy, tmp_path, capsys):
    assert run("train", noisy, "-o", tmp_path / "m", "-m", "gaussian") == 2
    assert "learns nothing" in capsys.readouterr().err


# --- many images and pairs --------------------------------------------------------------

PAIRED = ["--set", "steps=3", "--set", "width=8", "--set", "patch_size=16", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three usable images, and one of each kind that is not."""
    folder, usable = tmp_path / "days", make_sample("cells", shape=(40, 36)).noisy
    folder.mkdir()
    pixels = usable.read()
    write_tiff(folder / "a.ome.tif", usable)
    Picture.fromarray((pixels // 8).astype("uint8")).save(folder / "b.png")
    tifffile.imwrite(folder / "c.tif", pixels[:30], compression="zlib")
    (folder / "truncated.tif").write_bytes((folder / "a.ome.tif").read_bytes()[:2000])
    tifffile.imwrite(folder / "constant.tif", np.full((40, 36), 7, "uint16"))
    holed = pixels.astype("float32")
    holed[4, 5] = np.nan
    tifffile.imwrite(folder / "holed.tif", holed)
    colours = np.stack([pixels, pixels + 1, pixels], -1).astype("uint8")
    tifffile.imwrite(folder / "colour.tif", colours, photometric="rgb")
    tifffile.imwrite(folder / "deep.tif", np.zeros((2,) * 4 + (9, 9), "uint8") + pixels[0, 0])
    return folder


WHY = {
    "truncated.tif": "truncated or damaged",
    "constant.tif": "constant is constant",
    "holed.tif": "holed has 1 NaN pixel",
    "colour.tif": "colour has 3 colour samples, but a has 1",
    "deep.tif": "has 6 axes",
}


def test_what_cannot_be_trained_on_is_left_out_and_reported(folder, tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    assert run("train", folder, "-o", model, "-m", "iddp", *PAIRED, "--json") == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["model"], report["images"]) == (str(model), 3)
    failed = {Path(each["input"]).name: each["error"] for each in report["failed"]}
    assert failed.keys() == WHY.keys()
    for name, reason in WHY.items():
        assert reason in failed[name]
        assert f"{name} is left out: {failed[name]}" in err
    assert "5 of 8 images were left out" in err
    assert run("apply", model, folder / "b.png", "-o", tmp_path / "out") == 0


@pytest.mark.parametrize("command", ["denoise", "apply"])
def test_one_failing_file_never_stops_the_rest(folder, tmp_path, capsys, command):
    options = ["denoise", "-m", "gaussian"]
    if command == "apply":
        assert run("train", folder / "b.png", "-o", tmp_path / "m", *TINY) == 0
        options = ["apply", tmp_path / "m.safetensors"]
    capsys.readouterr()
    name, *rest = options
    rest = [*rest, folder] if command == "apply" else [folder, *rest]
    assert run(name, *rest, "-o", tmp_path / "out", "--json") == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    written = {Path(each["input"]).name for each in report["results"]}
    failed = {Path(each["input"]).name for each in report["failed"]}
    assert written | failed == {path.name for path in folder.iterdir()}
    assert {"a.ome.tif", "b.png", "c.tif"} <= written
    assert failed == WHY.keys() - written
    assert f"{len(failed)} of 8 images failed" in err


def test_if_nothing_can_be_trained_on_no_model_is_written(folder, tmp_path, capsys):
    bad = [folder / name for name in ("truncated.tif", "constant.tif")]
    model = tmp_path / "m.safetensors"
    assert run("train", *bad, "-o", model, *TINY, "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["model"] is None
    assert "None of the images can be trained on" in err
    assert not model.exists()


def test_images_of_the_most_common_kind_are_trained_on(folder, tmp_path, capsys):
    """The first one does not decide for all."""
    tokens = [folder / name for name in ("colour.tif", "a.ome.tif", "b.png")]
    assert run("train", *tokens, "-o", tmp_path / "m", *TINY, "--json") == 1
    (failed,) = json.loads(capsys.readouterr().out)["failed"]
    assert Path(failed["input"]).name == "colour.tif"


def test_folders_inside_are_searched_if_asked(tmp_path, capsys):
    for name in ("a", "day1/a", "day1/.hidden/a", "day2/late/b"):
        path = tmp_path / "in" / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tiff(path, make_sample("cells", shape=(40, 36)).noisy)
    command = ["denoise", tmp_path / "in", "-o", tmp_path / "out", "-m", "gaussian"]
    assert run(*command) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert run(*command, "--recursive", "--overwrite") == 0
    written = [Path(line).relative_to(tmp_path) for line in capsys.readouterr().out.split()]
    assert [path.as_posix().removesuffix(".gaussian.denoised.tif") for path in written] == [
        "out/a",
        "out/day1/a",
        "out/day2/late/b",
    ]
    model = tmp_path / "m"
    options = ["--recursive", "--json", *TINY]
    assert run("train", tmp_path / "in", "-o", model, *options) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 3


@pytest.fixture
def pairs(tmp_path) -> tuple[Path, Path]:
    """Folders of three noisy images and their clean ones."""
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
        for seed in range(3):
            sample = make_sample("cells", seed, shape=(40, 36))
            write_tiff(tmp_path / name / f"{seed}.tif", getattr(sample, name))
    return tmp_path / "noisy", tmp_path / "clean"


@pytest.mark.parametrize("method", ["supervised", "noise2noise"])
def test_training_on_pairs_in_folders(pairs, tmp_path, capsys, method):
    noisy, clean = pairs
    options = ["-m", method, *PAIRED, "--json"]
    assert run("train", noisy, "--target", clean, "-o", tmp_path / "m", *options) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 3
    named = [*sorted(noisy.iterdir()), "--target", *sorted(clean.iterdir())]
    assert run("train", *named, "-o", tmp_path / "n", *options) == 0
    models = [(tmp_path / f"{name}.safetensors").exists() for name in "mn"]
    assert all(models)


def test_a_pair_is_left_out_together(pairs, tmp_path, capsys):
    noisy, clean = pairs
    (clean / "1.tif").write_bytes(b"damaged")
    write_tiff(clean / "2.tif", make_sample("cells", shape=(30, 36)).clean, overwrite=True)
    options = ["-m", "supervised", *PAIRED, "--json"]
    assert run("train", noisy, "--target", clean, "-o", tmp_path / "m", *options) == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["images"] == 1
    assert [Path(each["input"]).name for each in report["failed"]] == ["1.tif", "2.tif"]
    assert "1.tif cannot be read as a TIFF" in err
    assert "cannot be the target of 2" in err


def test_images_are_denoised_each_with_its_target(pairs, tmp_path, capsys):
    noisy, clean = pairs
    options = ["-m", "supervised", *PAIRED, "-o", tmp_path / "out"]
    assert run("denoise", noisy, "--target", clean, *options) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["NOISY", "-m", "supervised"], "a clean image for each image to train on, but none"),
        (["NOISY", "-m", "supervised", "--target", "ONE"], "3 images, but 1 targets"),
        (["NOISY", "-m", "iddp", "--target", "CLEAN"], "IDDP takes no target"),
        (["NOISY", "-m", "supervised", "--target", "OTHER"], "names do not agree"),
    ],
)
@pytest.mark.parametrize("command", ["train", "denoise"])
def test_targets_that_do_not_fit(pairs, tmp_path, capsys, command, tokens, sentence):
    noisy, clean = pairs
    other = tmp_path / "other"
    other.mkdir()
    for path in clean.iterdir():
        (other / f"{int(path.stem) + 1}.tif").write_bytes(path.read_bytes())
    places = {"NOISY": noisy, "CLEAN": clean, "ONE": clean / "0.tif", "OTHER": other}
    tokens = [places.get(token, token) for token in tokens]
    assert run(command, *tokens, "-o", tmp_path / "out", *PAIRED) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.glob("*.safetensors"))


def test_ctrl_c_while_images_are_read_trains_nothing(pairs, tmp_path, capsys, interrupt_at):
    with interrupt_at(1):
        assert run("train", pairs[0], "-o", tmp_path / "m", *TINY) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "m.safetensors").exists()


# --- stopping ---------------------------------------------------------------------------


@pytest.fixture
def interrupt_at(monkeypatch):
    """Press Ctrl-C, as the terminal does, when a stage reaches a step."""

    class Press:
        def __init__(self, step: int, times: int = 1) -> None:
            self.step, self.left = step, times

        def __enter__(self):
            listen = running.Terminal.__call__

            def pressed(terminal, event):
                if isinstance(event, Progress) and event.step >= self.step and self.left:
                    self.left -= 1
                    signal.raise_signal(signal.SIGINT)
                listen(terminal, event)

            self.patch = pytest.MonkeyPatch()
            self.patch.setattr(running.Terminal, "__call__", pressed)

        def __exit__(self, *_):
            self.patch.undo()

    return Press


def test_ctrl_c_keeps_what_was_done(stack, noisy, tmp_path, capsys, interrupt_at):
    with interrupt_at(1):
        assert run("denoise", stack, noisy, "-o", tmp_path, "-m", "gaussian") == 130
    out, err = capsys.readouterr()
    denoised = read_image(Path(out.strip())).read()
    assert np.isfinite(denoised[0]).all()
    assert np.isnan(denoised[1:]).all()
    assert "what is done so far is kept" in err
    assert "1 of 2 images written, 1 not begun" in err


def test_ctrl_c_while_training_predicts_with_what_was_learned(noisy, tmp_path, interrupt_at):
    with interrupt_at(2):
        code = run("denoise", noisy, "-o", tmp_path, *TINY, "--set", "steps=100000")
    assert code == 130
    assert np.isfinite(read_image(tmp_path / "cells.lota_n2n.denoised.tif").read()).all()


def test_the_third_ctrl_c_ends_it_all(stack, tmp_path, capsys, monkeypatch):
    context = Context()

    def endless():
        while True:
            yield Progress(1, 2, "training")

    def listen(event):
        signal.raise_signal(signal.SIGINT)

    terminal = running.Terminal()
    monkeypatch.setattr(running.Terminal, "__call__", lambda self, event: listen(event))
    former = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background
    with pytest.raises(KeyboardInterrupt):
        running.drive(endless(), context, terminal)
    assert signal.getsignal(signal.SIGINT) is former


def test_a_second_stop_is_given_after_the_first_is_honoured():
    context, honoured = Context(), 0

    def stubborn():
        nonlocal honoured
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        for step in range(10):
            if context.stopping:
                context.honour_stop()
                honoured += 1
            yield Progress(step, 10, "training")

    running.drive(stubborn(), context, running.Terminal())
    assert honoured == 2


# --- the bar ----------------------------------------------------------------------------


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_stage_share_and_time_left(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    terminal = running.Terminal("cells.tif")
    terminal(Progress(0, 4, "training"))
    start = running.time.monotonic()
    monkeypatch.setattr(running.time, "monotonic", lambda: start + 9)
    terminal(Progress(1, 4, "training"))
    terminal(Note("mind the gap"))
    shown = screen.getvalue()
    assert "training" in shown
    assert "25%" in shown
    assert "0:27 left" in shown or "0:26 left" in shown
    assert "cells.tif: mind the gap\n" in shown


def test_without_a_terminal_there_is_no_bar(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    terminal = running.Terminal()
    terminal(Progress(1, 4, "training"))
    terminal(Note("mind the gap"))
    terminal(Note("mind the gap"))
    assert stream.getvalue() == "mind the gap\n"


# --- wrong usage ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["denois"], "Did you mean"),
        (["denoise"], "IMAGE"),
        (
            ["denoise", "IMAGE", "-m", "gausian"],
            "No method 'gausian'. Did you mean 'gaussian'?",
        ),
        (["denoise", "IMAGE", "-m", "gaussian", "--set", "widht=2"], "Did you mean 'width'?"),
        (
            ["denoise", "IMAGE", "-m", "gaussian", "--set", "width"],
            "not of the form NAME=VALUE",
        ),
        (["denoise", "IMAGE", "-m", "gaussian", "--set", "width=0"], "from 0.1 to 50"),
        (["denoise", "IMAGE", "--preset", "quik"], "Did you mean 'quick'?"),
        (["denoise", "IMAGE", "-m", "gaussian", "--axes", "YXQ"], "name 3 axes"),
        (["denoise", "IMAGE", "-m", "gaussian", "--keep", "residuals"], "'residual'"),
        (["denoise", "IMAGE", "-m", "gaussian", "-o", "IMAGE"], "is a file"),
        (["denoise", "IMAGE", "--device", "tpu"], "tpu"),
        (["denoise", "IMAGE", "--colour"], "--colour"),
    ],
)
def test_wrong_usage(noisy, tmp_path, monkeypatch, capsys, tokens, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(*[noisy if token == "IMAGE" else token for token in tokens]) == 2
    out, err = capsys.readouterr()
    assert sentence in " ".join(err.split())
    assert out == ""


# --- preparation ------------------------------------------------------------------------


def test_the_preparation_is_chosen_on_the_command_line(noisy, tmp_path, capsys):
    options = ["--stabilise", "on", "--decorrelate", "2", "-o", tmp_path / "out", "--json"]
    assert run("denoise", noisy, "-m", "nl_means", *options) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    told = result["provenance"]["preparation"]
    assert (told["stabilise"], told["decorrelate"], told["stride"]) == ("on", "2", 2)
    assert len(told["noise_models"]) == 1
    model = tmp_path / "model.safetensors"
    train = ["train", noisy, "-o", model, *TINY, "--decorrelate", "2", "--stabilise", "off"]
    assert run(*train) == 0
    assert run("apply", model, noisy, "-o", tmp_path / "applied", "--json") == 0
    (applied,) = json.loads(capsys.readouterr().out.partition("\n")[2])["results"]
    assert applied["provenance"]["preparation"]["stride"] == 2
    assert run("denoise", noisy, "-o", tmp_path, "--decorrelate", "7") == 2


# --- demo and doctor --------------------------------------------------------------------


def test_demo(tmp_path, capsys, monkeypatch):
    from napari_selfdenoise.cli import demonstration

    # What other tests taught the forecast would decide here what is left out.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(demonstration, "LIMIT", 2.0)
    monkeypatch.setattr(demonstration, "METHODS", ["gaussian", "nl_means", "lota_n2n"])
    assert run("demo", "-o", tmp_path / "demo") == 0
    out, err = capsys.readouterr()
    assert "gaussian" in out
    assert "LoTA-N2N is left out" in err
    with Picture.open(tmp_path / "demo" / "contact-sheet.png") as sheet:
        assert sheet.width > 1000
    assert run("demo", "-o", tmp_path / "demo", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert all(Path(path).exists() for path in report["files"])
    for result in report["results"]:
        assert result["psnr"] > result["psnr_noisy"] + 3


def test_demo_shows_a_slow_method_with_a_quicker_preset(capsys):
    from napari_selfdenoise.cli import demonstration
    from napari_selfdenoise.engine import forecast
    from napari_selfdenoise.methods import get

    sample, terminal = make_sample("cells"), running.Terminal()
    method = get("lota_n2n")
    slow = forecast.seconds(method, sample.noisy, method.Config())  # runs before count
    entry = demonstration._quick(method, sample, terminal)
    assert entry is not None
    assert bool(entry.preset) == (slow > demonstration.LIMIT)


def test_demo_without_a_display_does_not_open_a_viewer(tmp_path, capsys, monkeypatch):
    from napari_selfdenoise.cli import demonstration

    monkeypatch.setattr(demonstration, "METHODS", ["gaussian"])
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run("demo", "-o", tmp_path, "--view") == 0
    assert "no display" in capsys.readouterr().err


def test_doctor(capsys):
    assert run("doctor", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    for name in ("python", "torch", "device", "precision", "napari", "Qt binding", "threads"):
        assert report[name]
    assert run("doctor") == 0
    assert report["torch"] in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_leaves_early_is_no_crash():
    done = subprocess.run(
        f"{sys.executable} -m napari_selfdenoise.cli methods | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_images_in_memory_and_files_agree(noisy):
    assert isinstance(read_image(noisy), Image)
