"""MPR and ULAE, learned baselines of nio_reg: sizes, identity at the start, gradients, losses, precision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.similarity import LNCC
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.nets.blocks.upward import FieldLayer
from mlmi2023.nets.registration.builders import parameter_count
from mlmi2023.papers.nio_reg.mpr import MPR, build_mpr, matching_cost
from mlmi2023.papers.nio_reg.networks import build_network
from mlmi2023.papers.nio_reg.ulae import ULAE, build_ulae

SMALL = {
    "mpr": {"kind": "mpr", "features": [4, 8], "estimate": [8, 4], "context": [6, 6], "squarings": 4},
    "ulae": {"kind": "ulae", "channels": 4, "levels": 3},
}
SHAPE = (18, 16, 21)  # two axes are no multiples of 4


def make(kind, seed=0, fields=0.0):
    """A small network; ``fields`` is the spread of the layers that predict fields, which start near zero."""
    torch.manual_seed(seed)
    net = build_network(SMALL[kind], SHAPE)
    for layer in net.modules():
        if isinstance(layer, FieldLayer) and fields is not None:
            torch.nn.init.normal_(layer.weight, std=fields) if fields else torch.nn.init.zeros_(layer.weight)
    return net


def blobs(shift=(0, 0, 0), batch=1):
    """A smooth image, and the same moved by ``shift`` voxels."""
    x, y, z = np.meshgrid(*[np.arange(n, dtype=float) for n in SHAPE], indexing="ij")
    rng = np.random.default_rng(1)
    image = np.zeros(SHAPE)
    for centre in rng.uniform(4, np.array(SHAPE) - 4, (12, 3)):
        place = centre + np.array(shift)
        image += np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2) / 8)
    return torch.from_numpy(image / 2).float().expand(batch, 1, *SHAPE).clone()


def conv(inputs, outputs, kernel=3):
    return (kernel**3 * inputs + 1) * outputs


def test_sizes_of_mpr():
    expected = conv(1, 16, 4) + 2 * conv(16, 16) + conv(16, 32, 4) + 2 * conv(32, 32)
    for inputs in (32 + 1, 16 + 1 + 3 + 16):
        expected += conv(inputs, 48) + conv(48, 32) + conv(32, 16) + conv(16, 3)
        expected += conv(3, 48) + conv(48, 48) + conv(48, 32) + conv(32, 3)
    assert parameter_count(MPR()) == expected == 526_444
    assert [c.dilation[0] for c in MPR().fine.context] == [1, 2, 4]


def test_sizes_of_ulae():
    pairs = [(1, 16), (16, 32), (32, 64), (128, 64), (64 + 64, 32), (32 + 32, 16)]
    expected = sum(conv(i, o) + conv(o, o) for i, o in pairs) + sum(conv(c, 3) for c in (64, 32, 16))
    assert parameter_count(ULAE()) == expected == 728_809


@pytest.mark.parametrize("kind", list(SMALL))
def test_fields_of_any_size_and_the_identity_at_the_start(kind):
    net = make(kind)
    moving, fixed = blobs(batch=2), blobs((1, 0, 0), batch=2)
    u = net(moving, fixed)
    assert u.shape == (2, 3, *SHAPE) and u.dtype == torch.float32 and not u.any()
    fresh = make(kind, fields=None)(moving, fixed)
    assert 0 < fresh.abs().max() < 0.02  # as it comes, near the identity
    with torch.no_grad():
        moved = make(kind, fields=0.3)(moving, fixed)
    assert moved.abs().max() > 0.05
    with pytest.raises(ValueError, match="a pair"):
        net(moving, fixed[..., :-1])


@pytest.mark.parametrize("kind", list(SMALL))
def test_gradients_reach_all_weights(kind):
    net = make(kind, fields=0.1)
    net.loss(blobs(), blobs((1, 1, 0))).backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), name
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", list(SMALL))
def test_a_shift_is_learned_with_its_sign(kind):
    """The moving image lies 2 voxels further along the first axis, so u is about +2 at contrasts."""
    net = make(kind, fields=None)
    moving, fixed = blobs((2, 0, 0)), blobs()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    first = None
    for _ in range(60):
        optimiser.zero_grad()
        loss = net.loss(moving, fixed)
        first = first if first is not None else float(loss.detach())
        loss.backward()
        optimiser.step()
    u = net(moving, fixed)[0].detach()
    bright = fixed[0, 0] > 0.25
    means = u[:, bright].mean(1)
    assert float(loss.detach()) < first - 0.1
    assert 0.8 < means[0] < 3 and means[1:].abs().max() < 0.6
    before, after = ((warp(moving, f * u[None]) - fixed).square().mean() for f in (0, 1))
    assert after < 0.6 * before


@pytest.mark.parametrize("kind", list(SMALL))
def test_half_precision_keeps_fields_in_single(kind):
    net = make(kind, fields=0.1)
    moving, fixed = blobs(), blobs((1, 0, 0))
    whole = net(moving, fixed)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(moving, fixed)
        loss = net.loss(moving, fixed)
    assert half.dtype == loss.dtype == torch.float32 and loss.isfinite()
    assert (half - whole).abs().max() < 0.1 * whole.abs().max() + 0.02
    fine = half - half.bfloat16().float()
    assert fine.abs().max() > 0  # not rounded to bfloat16 on the way


def test_loss_of_ulae_is_three_windows_and_smoothness():
    net = make("ulae", fields=0.1)
    moving, fixed = blobs(), blobs((1, 0, 0))
    u = net(moving, fixed)
    warped = warp(moving, u, padding="border")
    expected = sum(w * LNCC(n)(warped, fixed) for w, n in ((1, 11), (0.5, 9), (0.25, 7))) + diffusion(u)
    assert float(net.loss(moving, fixed)) == pytest.approx(float(expected), rel=1e-5)
    assert float(net.loss(moving, fixed, smooth=3.0) - net.loss(moving, fixed)) == pytest.approx(
        2 * float(diffusion(u)), rel=1e-3
    )


def test_loss_of_mpr_has_three_scales():
    net = make("mpr")  # the identity: images are compared as they are
    moving, fixed = (F.pad(image, (0, 3, 0, 0, 0, 2)) for image in (blobs(), blobs((1, 0, 0))))
    scales = [
        LNCC(n)(*(F.avg_pool3d(i, f) if f > 1 else i for i in (moving, fixed)))
        for n, f in ((5, 4), (7, 2), (9, 1))
    ]
    expected = 0.8 * scales[0] + 3.2 * scales[1] + 10 * scales[2]
    assert float(net.loss(blobs(), blobs((1, 0, 0)))) == pytest.approx(float(expected), rel=1e-5)


def test_matching_cost_is_the_sum_of_differences():
    a, b = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])
    cost = matching_cost(a.view(1, 2, 1, 1, 1), b.view(1, 2, 1, 1, 1))
    assert cost.shape == (1, 1, 1, 1, 1) and float(cost) == 4.5


def test_features_of_an_image_do_not_depend_on_its_partner():
    """Uncoupled: exchanging the fixed image leaves the features of the moving one as they are."""
    found = {}
    for kind in SMALL:
        net, seen = make(kind, fields=0.1), []
        last = net.encoder[-1] if kind == "ulae" else net.encoder.scales[-1][-1]
        last.register_forward_hook(lambda _, __, out, seen=seen: seen.append(out))
        for partner in (blobs((1, 0, 0)), torch.zeros(1, 1, *SHAPE)):
            net(blobs(), partner)
        found[kind] = seen
    for first, second in found.values():
        assert torch.allclose(first[:1], second[:1], atol=1e-6) and not torch.allclose(first[1:], second[1:])


@pytest.mark.parametrize(
    ("build", "options", "says"),
    [
        (build_mpr, {"feature": [1, 2]}, "see MPR"),
        (build_mpr, {"features": [1, 2, 3]}, "two numbers"),
        (build_ulae, {"channel": 3}, "see ULAE"),
        (build_ulae, {"levels": 0}, "at least 1"),
    ],
)
def test_wrong_options_are_one_line(build, options, says):
    with pytest.raises(InputError, match=says):
        build(options, SHAPE)


def test_too_small_images_are_named():
    for build in (build_mpr, build_ulae):
        with pytest.raises(InputError, match="too small"):
            build({}, (16, 16, 4))
