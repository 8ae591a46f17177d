"""Comparing methods, and the report: from Python and from the command line."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.ndimage import gaussian_filter

from napari_selfdenoise import compare
from napari_selfdenoise.analysis.comparing import Way
from napari_selfdenoise.analysis.comparing import compare as start_comparing
from napari_selfdenoise.analysis.report import page
from napari_selfdenoise.analysis.report.markup import citation, tag
from napari_selfdenoise.analysis.report.pictures import AROUND_ZERO, picture
from napari_selfdenoise.cli import main
from napari_selfdenoise.cli.comparing import split_names
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, ImageError, UsageError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.candidate import candidate
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import get

WAYS = ["nl_means", ("gaussian", {"width": 1.0}), ("gaussian", {"width": 5.0})]
EVIL = "<script>alert(1)<.tif"


class Reader(HTMLParser):
    """Collects elements and what they would load or lead to, and checks that they nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loaded, self.links, self.open, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, name, attributes):
        found = dict(attributes)
        self.tags.append(name)
        self.loaded += [
            found[key] for key in ("src", "srcset", "data", "poster") if key in found
        ]
        self.links += [found["href"]] if "href" in found else []
        if name not in ("img", "meta"):
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


@pytest.fixture(scope="module")
def sample():
    return make_sample("cells", seed=0, shape=(128, 128))


@pytest.fixture(scope="module")
def found(sample):
    return compare(sample.noisy, [*WAYS, "supervised"], reference=sample.clean, seed=3)


@pytest.fixture(scope="module")
def report(found):
    return Reader(page(found))


def test_the_best_comes_first_and_what_failed_is_told(found):
    assert found.order == "PSNR"
    assert found.rows[-1].name == "gaussian width=5.0"
    assert found.rows[0].scores.psnr > found.rows[0].scores.psnr_noisy
    assert "clean image" in found.failed["supervised"]
    assert {row.name for row in found.rows} == {row.name for row in found.ranking.rows}
    json.dumps(found.to_json(), allow_nan=False)


def test_without_a_reference_held_out_scores_give_the_order(sample):
    found = compare(sample.noisy, WAYS)
    assert found.order == "held-out score"
    errors = [row.heldout.score.mse for row in found.rows]
    assert errors == sorted(errors)
    assert found.rows[0].scores is None


def test_what_is_shown_is_what_the_methods_made(found, sample):
    (plane,) = found.planes
    for row in found.rows:
        np.testing.assert_allclose(plane.denoised[row.name], row.denoised.read())
    np.testing.assert_allclose(plane.noisy, sample.noisy.read())
    spread = np.std(list(plane.denoised.values()), axis=0, ddof=1)
    assert np.corrcoef(spread.ravel(), plane.disagreement.ravel())[0, 1] > 0.9


def test_the_report_has_all_parts(report, found):
    assert report.open == []
    for part in (
        "Scores",
        "What failed",
        "Noise",
        "Advice for this noise",
        "Images",
        "What was taken away",
        "Where they disagree",
        "For the Methods section",
        "Settings and versions",
    ):
        assert part in report.words
    assert str(found.diagnosis.checks[0]) in report.text
    assert found.failed["supervised"] in report.text
    for row in found.rows:
        assert report.words.count(row.name) >= 3  # score, picture, residual
        assert f"{row.scores.psnr:.2f}" in report.words
        for finding in row.residuals[0].findings:
            assert finding in report.words
    assert report.tags.count("svg") == len(found.rows)
    # noisy, clean; of each the result, the residual and its map; the disagreement
    assert report.tags.count("img") == 2 + 3 * len(found.rows) + 1


def test_the_methods_paragraph_is_of_the_provenance(report, found):
    at = report.words.index("For the Methods section")
    told = " ".join(report.words[at : at + 4])
    made = found.rows[0].provenance
    assert made.input_hash in told
    assert f"napari-selfdenoise {made.versions['napari-selfdenoise']}" in told
    assert "width = 5.0" in told
    assert "seed 3" in told
    assert "default settings" in told


def test_pictures_are_inside_the_page_and_nothing_else_is_loaded(report, found):
    for address in report.loaded:
        data = base64.b64decode(address.removeprefix("data:image/png;base64,"), validate=True)
        assert Picture.open(io.BytesIO(data)).size == (128, 128)
    assert report.links
    assert all(re.match(r"https://(doi|arxiv)\.org/", each) for each in report.links)
    assert not {"script", "link", "iframe", "object", "base"} & set(report.tags)
    text = page(found)
    assert not re.search(r"@import|url\(", text)
    assert "default-src 'none'" in text


def test_residuals_are_shown_around_zero_on_one_scale(found):
    (plane,) = found.planes
    text = page(found)
    limit = f"{3 * plane.noise:.3g}"
    assert f"<span>-{limit}</span>" in text
    assert f"<span>+{limit}</span>" in text


def test_zero_is_neutral_and_signs_have_their_colours():
    text = picture(np.array([[-9.0, 0.0, 9.0, np.nan]]), (-3, 3), "a", colours=AROUND_ZERO)
    data = base64.b64decode(re.search(r'base64,([^"]+)', text)[1])
    below, zero, above, _ = np.asarray(Picture.open(io.BytesIO(data)).convert("RGB"))[0]
    assert np.ptp(zero.astype(int)) < 4
    assert zero.min() > 230
    assert below[2] > below[0], "blue"
    assert above[0] > above[2], "red"


def test_text_is_escaped():
    assert tag("p", "a<b", class_='"x"') == '<p class="&quot;x&quot;">a&lt;b</p>'
    assert tag("p", tag("b", "&")) == "<p><b>&amp;</b></p>"
    linked = citation("<i> J. 2024, doi:10.1/a(1)b, arXiv:2403.12382 (2024)")
    assert "&lt;i&gt;" in linked
    assert 'href="https://arxiv.org/abs/2403.12382"' in linked


def test_commas_separate_ways_and_settings():
    assert split_names(["a,b:x=1,y=2,c", "d:z=3", "a"]) == ["a", "b:x=1,y=2", "c", "d:z=3"]


def test_the_command_writes_a_page_that_escapes_names(sample, tmp_path, capsys):
    write_tiff(tmp_path / EVIL, sample.noisy)
    out = tmp_path / "report.html"
    words = ["compare", str(tmp_path / EVIL), "-m", "nl_means,gaussian:width=2,supervised"]
    words += ["-o", str(out), "--region", "Y=20:116,X=0:100", "--draws", "1", "--json"]
    assert main(words) == 1  # one has failed
    printed = json.loads(capsys.readouterr().out)
    assert printed["region"] == {"Y": [20, 116], "X": [0, 100]}
    assert "supervised" in printed["failed"]
    text = out.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;" in text
    assert "script" not in Reader(text).tags
    assert "Y=20:116" in text
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err


def test_the_table_tells_the_best_and_the_path(sample, tmp_path, capsys):
    for name, image in (("noisy.tif", sample.noisy), ("clean.tif", sample.clean)):
        write_tiff(tmp_path / name, image)
    out = tmp_path / "report.html"
    words = ["compare", str(tmp_path / "noisy.tif"), "-m", "gaussian:width=1,gaussian:width=5"]
    words += ["--reference", str(tmp_path / "clean.tif"), "-o", str(out)]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == "gaussian:width=1"
    assert lines[-1] == str(out)


def test_correlated_noise_is_compared_without_held_out_scores():
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.standard_normal((128, 128)), 1.0)
    found = compare(Image((100 + 50 * noise).astype(np.float32)), WAYS[1:])
    assert found.order == "none"
    assert "it is refused" in found.refused
    assert found.refused in Reader(page(found)).words
    assert [row.name for row in found.rows] == ["gaussian width=1.0", "gaussian width=5.0"]


def test_the_middle_of_every_axis_is_shown_and_so_is_its_map():
    clean = make_sample("cells", seed=0, shape=(96, 96)).clean.read()
    rng = np.random.default_rng(0)
    stack = rng.poisson(np.broadcast_to(clean, (2, 3, 96, 96))).astype(np.float32)
    stack[:, :, :32] *= np.arange(1, 7).reshape(2, 3, 1, 1)  # tells the planes apart
    found = compare(Image(stack, axes="TZYX"), [("gaussian", {"width": 4.0})], draws=1)
    (plane,) = found.planes
    np.testing.assert_array_equal(plane.noisy, stack[1, 1])
    assert plane.disagreement is None
    (row,) = found.ranking.rows
    np.testing.assert_allclose(plane.removed[row.name], row.map[1, 1])


def test_after_a_stop_what_was_done_is_compared(sample):
    names = ["gaussian", "nl_means", "bm3d"]
    started = []

    def way(name):
        method = get(name)
        start = candidate(method, method.Config(), Preparation())

        def denoise(image, context):
            started.append(name)
            return start(image, context)

        return Way(method, lambda tau: denoise)

    context = Context()

    def listen(event):
        if started == names[:2]:
            context.stop()

    ways = {name: way(name) for name in names}
    found = finish(start_comparing(sample.noisy, ways, [], context), listen)
    assert [row.name for row in found.rows] == ["gaussian"]
    assert started == ["gaussian", "nl_means"]
    assert context.stopped
    assert "stopped" in found.refused
    assert "Only gaussian was compared." in Reader(page(found)).words


def test_channels_and_colours_are_shown_each(sample):
    pixels = sample.noisy.read()[:64, :64]
    image = Image(np.stack([pixels, pixels[::-1]]), axes="CYX")
    found = compare(image, WAYS[1:], draws=0)
    assert [plane.name for plane in found.planes] == ["channel 0", "channel 1"]
    assert Reader(page(found)).tags.count("img") == 2 * (1 + 3 * 2 + 1)


def test_what_cannot_be_compared_is_refused_with_a_sentence(sample, tmp_path):
    with pytest.raises(UsageError, match="nothing to compare"):
        compare(sample.noisy, [])
    with pytest.raises(ImageError, match=r"Nothing could be compared. .*clean image"):
        compare(sample.noisy, ["supervised"])
    with pytest.raises(UsageError, match="not inside"):
        compare(sample.noisy, WAYS, region={"Y": (0, 999)})
    with pytest.raises(ImageError, match="same pixels"):
        compare(sample.noisy, WAYS, reference=sample.clean.read()[:64])
    with pytest.raises(FileError, match=r"must end in \.html"):
        compare(sample.noisy, WAYS, report=tmp_path / "report.pdf")
