"""Views of patches, what is done to them, and their labels."""

import numpy as np
import pytest
import torch

from histo_kd_data import SIDE, TARGETS, cohort, job
from mlmi2023.core.errors import InputError
from mlmi2023.papers.histo_kd.augment import DRAWS, augmented, moved
from mlmi2023.papers.histo_kd.options import Augmentation
from mlmi2023.papers.histo_kd.patches import Draws, Patches, most_frequent_structures
from mlmi2023.papers.histo_kd.views import coarse, cropped

NONE = {"flip": (0.0, 0.0), "crop": 1.0, "rotate": 0.0, "noise": 0.0, "solarize": 0.0, "jitter": 0.0}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("patches"))


def some(count=6):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, 3, 16, 16, generator=generator), torch.rand(count, DRAWS, generator=generator)


def test_crops_keep_112_of_224_and_coarse_copies_49_means():
    x = torch.rand(1, 3, 224, 224) + 0.1
    own = cropped(x, 0.5)
    assert torch.equal(own[..., 56:168, 56:168], x[..., 56:168, 56:168])
    assert (own > 0).sum() == 3 * 112 * 112
    blocks = x.unflatten(3, (7, 32)).unflatten(2, (7, 32)).mean((3, 5))
    found = coarse(x, 7)
    # next to the middle of each block it has nearly the block's mean
    middle = torch.nn.functional.avg_pool2d(found, 2)[..., 7::16, 7::16]
    torch.testing.assert_close(middle, blocks, atol=2e-3, rtol=0)


def test_nothing_asked_nothing_done():
    x, draw = some()
    torch.testing.assert_close(augmented(x, draw, Augmentation(**NONE), False), x, atol=1e-5, rtol=0)


def test_flips_and_half_turns_are_exact():
    x, draw = some()
    both = augmented(x, draw, Augmentation(**{**NONE, "flip": (1.0, 1.0)}), False)
    torch.testing.assert_close(both, x.flip(-1, -2), atol=1e-5, rtol=0)
    one = augmented(x, draw, Augmentation(**{**NONE, "flip": (1.0, 0.0)}), False)
    torch.testing.assert_close(one, x.flip(-1), atol=1e-5, rtol=0)
    draw[:, 7] = 1.0  # half a circle
    turned = augmented(x, draw, Augmentation(**{**NONE, "rotate": 1.0}), False)
    torch.testing.assert_close(turned, x.flip(-1, -2), atol=1e-4, rtol=0)


def test_crops_are_windows_of_the_asked_side():
    ramp = torch.linspace(0, 1, 64).expand(4, 1, 64, 64)
    draw = torch.rand(4, DRAWS, generator=torch.Generator().manual_seed(0))
    spans = [
        own.amax() - own.amin()
        for own in moved(ramp, draw, Augmentation(**{**NONE, "crop": 0.5}), "bilinear")
    ]
    wanted = 0.5 + 0.5 * draw[:, 2]
    torch.testing.assert_close(torch.stack(spans), wanted, atol=0.02, rtol=0)


def test_class_maps_are_moved_and_keep_their_classes():
    x, draw = some()
    maps = (5 * x).round()[:, :1].expand(-1, 3, -1, -1) / 5
    strong = Augmentation(noise=1.0, solarize=1.0, jitter=1.0, rotate=1.0)
    found = augmented(maps, draw, strong, True)
    assert set(found.unique().tolist()) <= set(maps.unique().tolist())
    assert torch.equal(found[:, 0], found[:, 2]) and not torch.equal(found, maps)
    assert not torch.equal(augmented(maps, draw, strong, False), found)


def test_noise_fills_zeros_alone_and_solarizing_turns_bright_values_over():
    x, draw = some()
    x[:, :, :4] = 0
    noisy = augmented(x, draw, Augmentation(**{**NONE, "noise": 1.0}), False)
    torch.testing.assert_close(noisy[:, :, 4:], x[:, :, 4:], atol=1e-5, rtol=0)
    assert noisy[:, :, :4].std() > 0.2 and not torch.equal(noisy[0, :, :4], noisy[1, :, :4])
    solar = augmented(x, draw, Augmentation(**{**NONE, "solarize": 1.0}), False)
    torch.testing.assert_close(solar, torch.where(x >= 0.5, 1 - x, x), atol=1e-4, rtol=0)


def test_jitter_leaves_greys_grey_and_changes_colours():
    x, draw = some()
    own = Augmentation(**{**NONE, "jitter": 0.5})
    grey = augmented(x[:, :1].expand(-1, 3, -1, -1), draw, own, False)
    torch.testing.assert_close(grey[:, 0], grey[:, 1], atol=1e-5, rtol=0)
    # brightness, contrast and saturation as they are, a hue turned by a tenth of the circle
    draw[:, 11:14], draw[:, 14] = 0.5, 1.0
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(6, 3, 4, 4)
    turned = augmented(red, draw, own, False)[0, :, 0, 0]
    assert turned[0] > turned[1] > 0.2 and turned[2] == 0


def test_both_branches_draw_their_own_and_samples_are_their_own():
    torch.manual_seed(0)
    sample = Draws(np.array([4, 7]))[1]
    assert sample["row"] == 7 and not torch.equal(*sample["draw"])


def test_views_are_made_before_they_are_augmented(packed):
    task = {"pair": ["crop", "down"], "down": 2, "augment": {**NONE, "flip": [1.0, 0.0]}}
    patches = Patches(job(packed, {}, **task))
    row, draw = torch.tensor([0, 1]), torch.rand(2, DRAWS)
    plain = patches.view("image", row, CPU)
    assert plain.shape == (2, 3, SIDE, SIDE) and plain.max() <= 1
    for view, made in (("crop", cropped(plain, 0.5)), ("down", coarse(plain, 2))):
        torch.testing.assert_close(patches.view(view, row, CPU), made)
        torch.testing.assert_close(patches.drawn(view, row, draw, CPU), made.flip(-1), atol=1e-5, rtol=0)
    # a mask is its classes by their number, the second stain three times the same
    red = torch.tensor([patches.names.index("test0_2")])
    assert set(patches.view("map", red, CPU).unique().tolist()) == {
        0,
        *(torch.tensor([1.0, 2.0]) / 3).tolist(),
    }
    stain = patches.view("partner", red, CPU)
    assert stain.shape == plain[:1].shape and torch.allclose(stain, torch.tensor(160 / 255))


def test_labels_are_tissues_most_frequent_cells_or_density_and_hidden_in_tests(packed):
    patches = Patches(job(packed, {}, targets={**TARGETS, "density": {"of": "density", "bins": 2}}))
    kinds = [patches.cohort.tissues[row] for row in range(len(patches))]
    assert patches.labels("tissue")[1] == ["pale", "dark", "red"]
    cells = {"pale": 0, "dark": 1, "red": 2}
    assert patches.labels("cell")[0].tolist() == [cells[kind] for kind in kinds]
    assert patches.labels("cell")[1] == ["none", "small", "large", "odd"]
    assert patches.labels("density")[0].tolist() == [int(kind != "pale") for kind in kinds]
    known = patches.known("tissue")
    assert (known[patches.rows("test")] == -1).all() and (known[patches.rows("train")] >= 0).all()


def test_structures_are_counted_not_their_pixels():
    own = np.zeros((2, 8, 8), np.uint8)
    own[0, :2, :], own[0, 5, 0], own[0, 7, 0] = 1, 2, 2
    assert most_frequent_structures(own, 2).tolist() == [2, 0]


def test_a_cohort_that_lacks_what_is_asked_is_refused(packed):
    with pytest.raises(InputError, match=r"task\.map: the cohort has no class map 'types'; it has cells"):
        Patches(job(packed, {}, map="types"))
    with pytest.raises(InputError, match=r"targets\.d\.bins: 9 classes of density"):
        Patches(job(packed, {}, targets={"d": {"of": "density", "bins": 9}})).labels("d")
