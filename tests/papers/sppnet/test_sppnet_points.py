"""Points near the centre of a nucleus, by hand-made values, after augmentation; images in the square."""

import numpy as np
import pytest
import torch

from mlmi2023.papers.sppnet.frame import Frame
from mlmi2023.papers.sppnet.options import Augment, Cutout, Task
from mlmi2023.papers.sppnet.points import centre_of, draw_points, gaussian_kernel, neighbour_of
from mlmi2023.papers.sppnet.source import Source

TASK = Task(kind="segmentation", size=(8, 8))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_kernel_is_eq_2():
    near, far = np.exp(-0.5), np.exp(-1)
    whole = 1 + 4 * near + 4 * far
    wanted = np.array([[far, near, far], [near, 1, near], [far, near, far]]) / whole
    np.testing.assert_allclose(gaussian_kernel(1, 1.0), wanted)
    assert gaussian_kernel(2, 1.0).shape == (5, 5) and gaussian_kernel(2, 1.0).sum() == pytest.approx(1)


def test_the_centre_is_farthest_from_the_border_by_l1_and_the_first_of_several():
    # distances of the middle row are 1 2 2 2 1
    assert centre_of(np.ones((3, 5), bool)) == (1, 1)
    assert centre_of(np.ones((5, 3), bool)) == (1, 1)
    y, x = np.mgrid[:15, :15]
    mask = (np.abs(y - 6) + np.abs(x - 8) <= 5) | ((x < 4) & (y > 8))
    outside = np.argwhere(~np.pad(mask, 1)) - 1
    inside = np.argwhere(mask)
    distance = np.abs(inside[:, None] - outside[None]).sum(-1).min(1)
    assert centre_of(mask) == tuple(inside[np.argmax(distance)]) == (6, 8)


def test_neighbours_are_in_the_nucleus_and_come_as_often_as_the_kernel_says():
    mask = np.ones((9, 9), bool)
    mask[4, 5] = False
    random = rng()
    drawn = [neighbour_of(mask, (4, 4), random, TASK) for _ in range(4000)]
    assert (4, 5) not in drawn
    assert max(abs(r - 4) for r, _ in drawn) == 2 and max(abs(c - 4) for _, c in drawn) == 2
    kernel = gaussian_kernel(2, 1.0)
    share = kernel[2, 2] / (1 - kernel[2, 3])
    assert np.mean([place == (4, 4) for place in drawn]) == pytest.approx(share, abs=0.03)
    even = Task(kind="segmentation", size=(8, 8), neighbours="uniform")
    drawn = [neighbour_of(mask, (4, 4), random, even) for _ in range(2000)]
    assert np.mean([place == (4, 4) for place in drawn]) == pytest.approx(1 / 24, abs=0.02)


def test_points_are_column_and_row():
    nuclei = np.zeros((20, 30), int)
    nuclei[2:5, 10:17] = 7
    for seed in range(20):
        found = draw_points(nuclei, rng(seed), TASK, "neighbour")
        (x, y), (other_x, other_y) = found.places.astype(int)
        assert 10 <= x <= 16 and 2 <= y <= 4 and found.nucleus == 7
        assert nuclei[other_y, other_x] == 0 and found.labels.tolist() == [1, 0]
    # the first of those in the middle row that are two away from the border
    assert draw_points(nuclei, rng(), TASK, "centre").places[0].tolist() == [11, 3]


def test_every_nucleus_has_the_same_chance_and_so_has_the_background():
    nuclei = np.zeros((12, 12), int)
    nuclei[:2, :2], nuclei[6:, 6:] = 3, 9
    found = [draw_points(nuclei, rng(seed), TASK, "neighbour") for seed in range(400)]
    assert np.mean([own.nucleus == 3 for own in found]) == pytest.approx(0.5, abs=0.08)
    right = np.mean([own.places[1, 0] >= 6 for own in found])
    assert right == pytest.approx(36 / 104, abs=0.08)
    anywhere = [draw_points(nuclei, rng(seed), TASK, "anywhere") for seed in range(400)]
    inside = np.mean([nuclei[int(o.places[0, 1]), int(o.places[0, 0])] > 0 for o in anywhere])
    assert inside == pytest.approx(40 / 144, abs=0.08) and all(o.labels.tolist() == [1, 0] for o in anywhere)


def test_images_without_nuclei_or_background_have_points_all_the_same():
    empty = draw_points(np.zeros((4, 4), int), rng(), TASK, "neighbour")
    assert empty.labels.tolist() == [0, 0] and empty.nucleus == 0
    full = draw_points(np.ones((4, 4), int), rng(), TASK, "neighbour")
    assert full.labels.tolist() == [1, 1]


def source(augment, where="neighbour"):
    images = np.full((1, 32, 32, 3), 200, np.uint8)
    nuclei = np.zeros((1, 32, 32), np.uint16)
    nuclei[0, 20:28, 2:10] = 1
    images[0, 20:28, 2:10] = 40
    task = Task(kind="segmentation", size=(8, 8), augment=augment)
    return Source(images, nuclei, task, where)


def test_points_are_drawn_after_augmentation():
    plain, flipped = (source(Augment(flip=chance)) for chance in (0.0, 1.0))
    batch = {"row": torch.tensor([0]), "seed": torch.tensor([5])}
    for own, columns in ((plain, (2, 9)), (flipped, (22, 29))):
        seen, mask = own(batch, True)
        x, y = seen.points[0, 0].tolist()
        assert columns[0] <= x <= columns[1] and 20 <= y <= 27
        assert seen.image[0, 0, int(y), int(x)] < 0 and mask[0, int(y) // 4, int(x) // 4] == 1
    turned = source(Augment(rotate=1.0))
    for seed in range(10):
        seen, mask = turned({"row": torch.tensor([0]), "seed": torch.tensor([seed])}, True)
        for (x, y), sign in zip(seen.points[0].long().tolist(), (-1, 1)):
            assert sign * seen.image[0, 0, y, x] > 0, seed


def test_a_seed_is_a_sample_and_validation_has_points_of_its_own():
    own = source(Augment(flip=0.5, rotate=0.5, cutout=Cutout(chance=0.5)))
    batch = {"row": torch.tensor([0, 0, 0]), "seed": torch.tensor([1, 2, 1])}
    seen, _ = own(batch, True)
    assert torch.equal(seen.image[0], seen.image[2]) and torch.equal(seen.points[0], seen.points[2])
    first, second = (own({"row": torch.tensor([0])}, False)[0] for _ in range(2))
    assert torch.equal(first.points, second.points)
    assert torch.equal(first.image[0, :, :20], first.image[0, :, :20].amax((1, 2), True).expand(-1, 20, 32))


def test_holes_blank_the_image_and_leave_the_truth():
    own = source(Augment(cutout=Cutout(chance=1.0, holes=3, side=0.25)))
    batch = {"row": torch.tensor([0]), "seed": torch.tensor([3])}
    seen, mask = own(batch, True)
    assert (seen.image == 0).any() and torch.equal(mask, own({"row": torch.tensor([0])}, False)[1])


def test_images_and_points_come_into_the_square_and_masks_back():
    pad, scale = Frame((20, 24), 8, "pad"), Frame((20, 24), 8, "scale")
    image = torch.ones(1, 3, 20, 24)
    whole, low = pad.image(image)
    assert whole.shape == (1, 3, 32, 32) and low.shape == (1, 3, 8, 8)
    assert whole[0, 0, :20, :24].min() == 1 and whole[0, 0, 20:].max() == 0 == whole[0, 0, :, 24:].max()
    assert scale.image(image)[0][0, 0, :27].min() > 0.99, "20 rows become 26.7"
    point = torch.tensor([23.0, 0.0])
    assert torch.equal(pad.points(point), point)
    torch.testing.assert_close(scale.points(point), torch.tensor([23.5 * 32 / 24 - 0.5, 0.5 * 32 / 24 - 0.5]))
    mask = torch.zeros(1, 20, 24)
    mask[0, 4:12, 8:20] = 1
    for frame in (pad, scale):
        small = frame.mask(mask)
        back = frame.restored(2.0 * small[:, None] - 1)
        both = (back & (mask > 0)).sum() * 2 / (back.sum() + mask.sum())
        assert back.shape == mask.shape and both > 0.85
    large = Frame((100, 50), 8, "pad")
    assert large.inner == [32, 16]
