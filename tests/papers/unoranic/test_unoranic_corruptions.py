"""Corruptions do what their names say, keep 8 bits, and depend on a sample's numbers alone."""

import numpy as np
import pytest
import torch

from mlmi2023.papers.unoranic.corruptions.training import (
    NUMBERS,
    ROWS,
    Draw,
    apply,
    corrupted,
    corrupted_by_one,
)
from mlmi2023.papers.unoranic.corruptions.unseen import KINDS, unseen
from mlmi2023.papers.unoranic.names import SEEN, UNSEEN
from mlmi2023.papers.unoranic.options import Corruption


def drawn(count, channels, side=28, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Draw(
        torch.rand(count, ROWS, NUMBERS, generator=rng),
        torch.rand(count, channels + 1, side, side, generator=rng),
    )


def images(count=40, channels=3, side=28):
    rng = torch.Generator().manual_seed(1)
    smooth = 60 + 130 * torch.rand(count, channels, 9, 9, generator=rng)
    smooth = torch.nn.functional.interpolate(smooth, size=(side, side), mode="bicubic")
    return (smooth + 12 * torch.rand(smooth.shape, generator=rng)).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", SEEN)
def test_each_kind_changes_most_images_and_keeps_bytes(kind, channels):
    x, draw = images(channels=channels), drawn(40, channels)
    found = apply(kind, x, draw)
    assert found.dtype == torch.uint8 and found.shape == x.shape
    changed = (found != x).flatten(1).any(1).float().mean()
    assert changed > 0.9
    assert torch.equal(found, apply(kind, x, draw))
    # each image by its own numbers, whoever else is in the batch
    one = apply(kind, x[7:8], Draw(draw.numbers[7:8], draw.grain[7:8]))
    assert torch.equal(one[0], found[7])


def test_what_kinds_are():
    x, draw = images(), drawn(40, 3)
    assert torch.equal(apply("invert", x, draw), 255 - x)
    assert torch.equal(apply("solarize", x, draw), torch.where(x >= 128, 255 - x, x))
    lost = apply("pixel_dropout", x, draw) != x
    assert (lost.all(1) == lost.any(1)).all() and 0.004 < lost.float().mean() < 0.02
    noise = apply("gaussian_noise", torch.full_like(x, 128), draw).float().flatten(1).std(1)
    assert noise.min() > 2.9 and noise.max() < 7.5
    factor = apply("multiplicative_noise", torch.full_like(x, 200), draw).float() / 200
    assert 0.89 < factor.min() < 0.95 and 1.05 < factor.max() < 1.11
    assert (factor.flatten(1).std(1) == 0).all()
    for kind in ("gaussian_blur", "motion_blur"):
        flat = apply(kind, torch.full_like(x, 77), draw)
        assert (flat == 77).all()
        assert apply(kind, x, draw).float().flatten(1).std(1).mean() < x.float().flatten(1).std(1).mean()
    assert apply("sharpen", x, draw).float().flatten(1).std(1).mean() > x.float().flatten(1).std(1).mean()
    assert all(
        set(own.unique().tolist()) <= set(was.unique().tolist())
        for own, was in zip(apply("downscale", x, draw), x)
    )
    grey = images(channels=1).expand(-1, 3, -1, -1).contiguous()
    jittered = apply("colour_jitter", grey, draw).int()
    # grey has no hue
    assert (jittered.amax(1) - jittered.amin(1)).max() <= 1


def test_chances_are_kept():
    x, draw = images(400), drawn(400, 3)
    own = Corruption(kinds=["invert"], chance=0.25)
    hit = (corrupted(x, draw, own) != x).flatten(1).any(1)
    assert torch.equal(hit, draw.numbers[:, SEEN.index("invert"), 0] < 0.25)
    assert torch.equal(corrupted(x, draw, Corruption(chance=0.0)), x)
    found, flags = corrupted_by_one(x, draw, Corruption())
    assert 0.4 < flags.float().mean() < 0.6
    changed = (found != x).flatten(1).any(1)
    assert not changed[flags == 0].any() and changed[flags == 1].float().mean() > 0.95


def test_the_unseen_suite_shares_nothing_with_training():
    assert not set(SEEN) & set(UNSEEN) and len(SEEN) == len(UNSEEN) == 12 and set(KINDS) == set(UNSEEN)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", UNSEEN)
def test_severities_rise(kind, channels):
    x = images(30, channels).permute(0, 2, 3, 1).contiguous().numpy()
    kept = x.copy()
    found = [unseen(x, kind, severity, 32) for severity in (1, 3, 5)]
    assert all(own.dtype == np.uint8 and own.shape == x.shape for own in found)
    errors = [np.mean((own.astype(float) - x) ** 2) for own in found]
    assert 0 < errors[0] < errors[1] < errors[2]
    assert np.array_equal(found[1], unseen(x, kind, 3, 32)) and np.array_equal(x, kept)
