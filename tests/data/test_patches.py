import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data import plane_pool
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.patches import Patches, split_by_place
from napari_selfdenoise.data.planes import channel_planes

IDENTITY = Normalization((0.0,), (1.0,))


def numbered(shape):
    """Return an image whose every pixel is different."""
    return Image(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))


def patches_of(*images, **options):
    defaults = {"patch_size": 16, "validation_fraction": 0.0, "multiple": 1}
    sources = [channel_planes(image)[0] for image in images]
    rng = np.random.default_rng(options.pop("seed", 0))
    return Patches(sources, IDENTITY, rng=rng, **{**defaults, **options})


def test_a_patch_is_a_piece_of_the_image():
    image = numbered((3, 40, 50))
    for patch in patches_of(image).draw(20)[:, 0]:
        plane, rest = divmod(int(patch[0, 0]), 40 * 50)
        top, left = divmod(rest, 50)
        np.testing.assert_array_equal(
            patch, image.data[plane, top : top + 16, left : left + 16]
        )


def test_a_patch_comes_with_the_same_place_of_its_target():
    images = [numbered((40, 50)), numbered((2, 30, 20))]
    targets = [channel_planes(image.like(image.data * 2 + 1))[0] for image in images]
    patches = patches_of(*images, targets=targets, validation_fraction=0.3)
    drawn = patches.draw(30, augment=True)
    assert drawn.shape == (30, 2, 16, 16)
    for values in (drawn, patches.validation()):
        np.testing.assert_array_equal(values[:, 1], values[:, 0] * 2 + 1)


def test_every_position_is_drawn():
    corners = {int(p[0, 0, 0]) for p in patches_of(numbered((18, 19))).draw(400)}
    assert len(corners) == 3 * 4


@pytest.mark.parametrize(
    "shapes", [[(80, 60)], [(3, 60, 90)], [(64, 48)] * 6, [(90, 50), (50, 90)]]
)
def test_training_and_validation_are_disjoint(shapes):
    start, images = 0, []
    for shape in shapes:
        size = int(np.prod(shape))
        images.append(Image(np.arange(start, start + size, dtype=np.float32).reshape(shape)))
        start += size
    patches = patches_of(*images, validation_fraction=0.2)
    assert patches.validates
    held_out = set(patches.validation().ravel())
    trained = set(patches.draw(600).ravel())
    assert not held_out & trained
    assert len(trained) > 0.4 * start


def test_validation_patches_never_change():
    patches = patches_of(numbered((80, 60)), validation_fraction=0.2)
    first = patches.validation()
    patches.draw(5)
    np.testing.assert_array_equal(patches.validation(), first)


def test_too_small_for_validation_trains_on_everything():
    patches = patches_of(numbered((24, 24)), validation_fraction=0.2)
    assert not patches.validates
    assert len({int(p[0, 0, 0]) for p in patches.draw(500)}) == 81


@pytest.mark.parametrize(
    ("side", "patch_size", "multiple", "expected"),
    [
        (100, 32, 1, 32),
        (100, 0, 1, 100),
        (33, 64, 2, 32),
        (5, 32, 2, 16),
        (20, 64, 8, 16),
        (1, 0, 32, 32),
    ],
)
def test_patches_fit_the_plane(side, patch_size, multiple, expected):
    patches = patches_of(numbered((side, 90)), patch_size=patch_size, multiple=multiple)
    assert patches.shape[0] == expected
    assert patches.draw(2).shape[2] == expected


def sources_of(drawn, pixels=400):
    """Return which of several planes of a numbered image each patch is from."""
    return (drawn[:, 0, 0, 0] // pixels).astype(int).tolist()


def room_for(monkeypatch, planes, pixels=400):
    monkeypatch.setattr(plane_pool, "POOL_BYTES", planes * 4 * pixels)


@pytest.mark.parametrize("room", [2, 7, 11, 100])
def test_every_plane_has_its_turn_whatever_the_memory(monkeypatch, room):
    room_for(monkeypatch, room)
    patches = patches_of(numbered((12, 20, 20)))
    counts = np.zeros(12)
    for _ in range(2400):
        drawn = sources_of(patches.draw(2))
        counts[drawn] += 1
        assert len(patches.state()["pool"]) == min(room, 12)
    assert abs(counts / 400 - 1).max() < 0.15


def test_turns_are_short_in_a_short_training_on_many_planes(monkeypatch):
    room_for(monkeypatch, 10)
    patches = patches_of(numbered((50, 20, 20)), planned=100)
    seen = [at for _ in range(25) for at in sources_of(patches.draw(4))]
    assert set(seen) == set(range(50))


@pytest.mark.parametrize("room", [6, 100])
def test_the_patches_of_a_step_are_from_different_planes(monkeypatch, room):
    room_for(monkeypatch, room)
    stacks = numbered((4, 2, 20, 20)).data
    patches = patches_of(*(Image(stack) for stack in stacks))
    for _ in range(50):
        assert len(set(sources_of(patches.draw(6)))) == 6


@pytest.mark.parametrize("targets", [False, True])
def test_memory_is_bounded_for_images_of_all_sizes(monkeypatch, targets):
    """The first one is the smallest: it tells nothing of the others."""
    images = [numbered((side, side)) for side in (20, 40, 60, 50, 30, 44, 56)]
    options = {"targets": [channel_planes(image)[0] for image in images]} if targets else {}
    bound = (2 if targets else 1) * 4 * (60 * 60 + 40 * 40)
    monkeypatch.setattr(plane_pool, "POOL_BYTES", bound)
    patches, seen = patches_of(*images, planned=300, **options), set()
    for _ in range(300):
        patches.draw(1)
        pool = patches.state()["pool"]
        seen |= {source for source, _, _ in pool}
        sides = [images[source].shape[0] for source, _, _ in pool]
        assert sum((2 if targets else 1) * 4 * side**2 for side in sides) <= bound
    assert seen == set(range(7))


@pytest.mark.parametrize("room", [2, 1000])
def test_a_restored_state_goes_on_with_the_same_patches(monkeypatch, room):
    room_for(monkeypatch, room)
    first = patches_of(numbered((5, 20, 20)), planned=40)
    for _ in range(10):
        first.draw(2)
    second = patches_of(numbered((5, 20, 20)), planned=40, seed=9)
    second.load_state(first.state())
    for _ in range(10):
        np.testing.assert_array_equal(first.draw(2), second.draw(2))


def test_a_tiny_image_among_many_does_not_shrink_the_patches():
    images = [numbered((5, 7)), *(numbered((40, 50)) for _ in range(6))]
    patches = patches_of(*images, patch_size=32)
    assert (patches.shape, patches.mirrored) == ((32, 32), 1)
    tiny = images[0].data
    mirrored = np.pad(tiny, ((0, 27), (0, 25)), mode="reflect")
    drawn = patches.draw(60)[:, 0]
    assert any(np.array_equal(patch, mirrored) for patch in drawn)


def test_patches_fit_into_most_images():
    sides = (20, 24, 30, 90, 100)
    patches = patches_of(*(numbered((side, side)) for side in sides), patch_size=64)
    assert (patches.shape, patches.mirrored) == ((30, 30), 2)


@pytest.mark.parametrize("shape", [(100, 40), (40, 100), (32, 32)])
def test_the_band_is_across_the_longer_side_and_leaves_room(shape):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        training, band = split_by_place(*shape, 0.2, (16, 16), rng)
        assert band is not None
        covered = np.zeros(shape, int)
        for rows, columns in [*training, band]:
            covered[rows, columns] += 1
        assert covered.max() == 1
        for rows, columns in [*training, band]:
            assert rows.stop - rows.start >= 16
            assert columns.stop - columns.start >= 16


def test_companions_are_cut_from_the_same_place_and_turned_alike():
    image = numbered((40, 50))
    patches = patches_of(image)
    patches.draw(1)  # fills the pool, which has to learn of them
    patches.accompany(0, 0, np.stack([-image.data, 2 * image.data]))
    drawn = patches.draw(30, augment=True)
    assert drawn.shape[1] == 3
    np.testing.assert_array_equal(drawn[:, 1], -drawn[:, 0])
    np.testing.assert_array_equal(drawn[:, 2], 2 * drawn[:, 0])
    patches.accompany(0, 0, image.data[np.newaxis])
    np.testing.assert_array_equal(*np.split(patches.draw(3), 2, axis=1))


def test_companions_go_along_with_held_out_patches():
    image = numbered((80, 60))
    patches = patches_of(image, validation_fraction=0.2)
    alone = patches.validation()
    patches.accompany(0, 0, -image.data[np.newaxis])
    np.testing.assert_array_equal(patches.validation(), np.concatenate([alone, -alone], 1))
    again = patches_of(image, validation_fraction=0.2)
    again.load_companions(patches.companions())
    np.testing.assert_array_equal(again.validation(), patches.validation())


def test_augmented_patches_are_turned_and_mirrored_pieces():
    image = numbered((16, 16))
    ways = {p.tobytes() for p in patches_of(image).draw(200, augment=True)[:, 0]}
    turned = [np.rot90(image.data, quarters) for quarters in range(4)]
    expected = {np.ascontiguousarray(p).tobytes() for t in turned for p in (t, t[:, ::-1])}
    assert ways == expected


def test_augmented_patches_of_noise_with_a_direction_are_mirrored_only():
    image = numbered((16, 16))
    ways = {
        p.tobytes()
        for p in patches_of(image, quarter_turns=False).draw(100, augment=True)[:, 0]
    }
    rows = (image.data, image.data[::-1])
    assert ways == {np.ascontiguousarray(p).tobytes() for r in rows for p in (r, r[:, ::-1])}


def test_patches_that_are_no_squares_keep_their_shape():
    patches = patches_of(numbered((16, 40)), patch_size=32)
    assert patches.shape == (16, 32)
    assert patches.draw(20, augment=True).shape == (20, 1, 16, 32)


def test_thinned_out_only_some_planes_are_used():
    patches = patches_of(numbered((5, 20, 20)), numbered((3, 20, 20)))
    patches.draw(4)
    patches.thin_out(3)
    assert patches.places() == [(0, 0), (0, 4), (1, 2)]
    assert {int(p[0, 0, 0]) // 400 for p in patches.draw(60)} == {0, 2, 4}
    patches.thin_out(99)
    assert len(patches.places()) == 3


@pytest.mark.parametrize("shapes", [[(6, 80, 60)], [(64, 48)] * 10])
def test_thinned_out_something_is_held_out_still(shapes):
    patches = patches_of(*map(numbered, shapes), validation_fraction=0.2)
    patches.thin_out(2)
    assert patches.validates
    assert len(patches.validation()) > 0
    patches.draw(8)
