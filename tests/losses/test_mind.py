"""MIND-SSC: against a slow direct implementation, and what it must not see."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from mlmi2023.losses.mind import MINDSSC, PAIRS, mind_ssc

STEPS = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]


def slow_mind(image: np.ndarray, radius: int, dilation: int) -> np.ndarray:
    """Voxel by voxel; channels in the order of the pairs of neighbours that are not opposite."""
    last = np.array(image.shape) - 1

    def at(place):
        return float(image[tuple(np.clip(place, 0, last))])

    pairs = [(a, b) for i, a in enumerate(STEPS) for b in STEPS[i + 1 :] if np.any(np.add(a, b))]
    distance = np.zeros((len(pairs), *image.shape))
    cube = list(product(range(-radius, radius + 1), repeat=3))
    for place in product(*map(range, image.shape)):
        for k, (a, b) in enumerate(pairs):
            centres = [np.clip(np.add(place, step), 0, last) for step in cube]
            differences = [at(c + dilation * np.array(a)) - at(c + dilation * np.array(b)) for c in centres]
            distance[(k, *place)] = np.mean(np.square(differences))
    distance -= distance.min(axis=0)
    variance = distance.mean(axis=0)
    return np.exp(-distance / np.clip(variance, 1e-3 * variance.mean(), 1e3 * variance.mean()))


def brain(seed: int = 0, shape: tuple[int, ...] = (12, 14, 10)) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(shape)
    return gaussian_filter(noise, 1.5).astype(np.float32)


def tensor(*images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)[:, None])


@pytest.mark.parametrize(("radius", "dilation"), [(1, 2), (2, 1)])
def test_equals_the_slow_definition_for_each_image_of_a_batch(radius, dilation):
    images = brain(1, (5, 6, 4)), 100 * brain(2, (5, 6, 4))
    found = mind_ssc(tensor(*images), radius, dilation)
    assert found.shape == (2, 12, 5, 6, 4) and len(PAIRS) == 12
    for own, image in zip(found, images):
        np.testing.assert_allclose(own.numpy(), slow_mind(image, radius, dilation), atol=2e-5)


def test_contrast_does_not_matter_and_anatomy_does():
    loss, image = MINDSSC(), brain()
    same = [image, 3 * image + 1, -image, 0.2 - 0.5 * image]
    for other in same:
        assert loss(tensor(other), tensor(image)) < 1e-8
    assert loss(tensor(np.roll(image, 1, axis=0)), tensor(image)) > 0.01
    assert loss(tensor(brain(3)), tensor(image)) > loss(tensor(np.roll(image, 1, axis=0)), tensor(image))


def test_the_loss_leads_back_to_alignment_between_contrasts():
    from mlmi2023.fields.displacement import warp

    fixed = tensor(1 - brain(4, (16, 16, 16)))
    moving = tensor(np.roll(brain(4, (16, 16, 16)), 1, axis=1))  # moving(x + 1) = fixed(x), inverted
    shift = torch.zeros(1, 3, 1, 1, 1, requires_grad=True)
    MINDSSC()(warp(moving, shift.expand(1, 3, 16, 16, 16), padding="border"), fixed).backward()
    assert -shift.grad[0, 1] > 3 * shift.grad[0, [0, 2]].abs().max()  # downhill is +1 along the second axis


def test_half_precision_flat_images_and_wrong_shapes():
    image = tensor(brain()).half()
    with torch.autocast("cpu", torch.bfloat16):
        found = mind_ssc(image)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, mind_ssc(image.float()))
    flat = torch.full((1, 1, 8, 8, 8), 0.5, requires_grad=True)
    loss = MINDSSC()(flat, tensor(brain(5, (8, 8, 8))))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(flat.grad).all()
    assert (mind_ssc(flat) == 1).all()
    with pytest.raises(ValueError, match="differ"):
        MINDSSC()(tensor(brain()), tensor(brain(0, (12, 14, 11))))
    with pytest.raises(ValueError, match="B, 1"):
        mind_ssc(torch.rand(1, 2, 4, 4, 4))
