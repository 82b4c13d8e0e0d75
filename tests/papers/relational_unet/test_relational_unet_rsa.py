"""RSA against Eqs. 1 to 3 written out voxel by voxel, and the network around it."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.papers.relational_unet.network import RelationalUNet
from mlmi2023.papers.relational_unet.rsa import RSA


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=0, keepdims=True), 1e-12)


def naive(layer: RSA, x: np.ndarray) -> np.ndarray:
    """Eqs. 1 to 3 for a volume (C, T, H, W), with the full W and H that the factors stand for."""
    own = {name: p.detach().double().numpy() for name, p in layer.named_parameters()}
    c, *grid = x.shape
    size, heads = layer.size, layer.heads
    count = int(np.prod(layer.window))

    def project(name):
        return np.einsum("oi,ithw->othw", own[f"{name}.weight"][:, :, 0, 0, 0], x)

    q = project("queries").reshape(heads, size, *grid)
    q = np.stack([unit(part) for part in q])
    k, v = unit(project("keys")), unit(project("values"))
    halo = [w // 2 for w in layer.window]
    wide = [(0, 0), *((h, h) for h in halo)]
    k, v = np.pad(k, wide), np.pad(v, wide)
    h2 = own["h2"].reshape(size, count)  # dd x M
    full_w = own["w1"] @ h2 if "w1" in own else np.zeros((size, count))
    # H: (M dk) x M, row (m, d)
    h1 = own["h1"].reshape(size, size, count) if "h1" in own else np.zeros((size, size, count))
    full_h = np.einsum("djm,jo->mdo", h1, h2).reshape(count * size, count)
    g = own["g"].reshape(size, count).T if "g" in own else np.zeros((count, size))
    y = np.zeros((heads, size, *grid))
    for place in np.ndindex(*grid):
        box = tuple(slice(p, p + w) for p, w in zip(place, layer.window))
        keys = k[(slice(None), *box)].reshape(size, count).T  # M x dk
        values = v[(slice(None), *box)].reshape(size, count).T  # M x dv
        for head in range(heads):
            query = q[(head, slice(None), *place)]
            basic = query @ full_w
            relational = (np.ones((count, 1)) * query[None] * keys).reshape(-1) @ full_h  # Eq. 1
            context = (values if "V" in layer.context else 0) + values @ values.T @ g  # Eq. 2
            y[(head, slice(None), *place)] = (basic + relational) @ context  # Eq. 3
    return y.reshape(c, *grid)


@pytest.mark.parametrize(
    ("kernel", "context"), [("VR", "VR"), ("V", "VR"), ("R", "VR"), ("VR", "V"), ("VR", "R")]
)
def test_the_efficient_form_is_the_equations(kernel, context):
    torch.manual_seed(0)
    layer = RSA(8, (3, 5, 3), 2, kernel, context).double()
    x = torch.randn(1, 8, 4, 5, 3, dtype=torch.float64)
    y = layer(x)[0].detach().numpy()
    assert y.shape == (8, 4, 5, 3) and np.abs(y).max() > 1e-3
    assert np.allclose(y, naive(layer, x[0].numpy()), atol=1e-10)


def test_slabs_change_nothing_neither_forward_nor_backward():
    torch.manual_seed(0)
    layer = RSA(8, (5, 3, 3), 2).double()
    x = torch.randn(2, 8, 7, 4, 4, dtype=torch.float64, requires_grad=True)
    found = []
    for budget in (0.0, 1e-3, 1e-6):
        layer.budget, x.grad = budget, None
        layer.zero_grad()
        y = layer(x)
        (y * torch.arange(y.numel()).reshape(y.shape).sin()).sum().backward()
        found.append([y.detach(), x.grad.clone(), layer.h1.grad.clone(), layer.g.grad.clone()])
    assert layer._rows(x) == 1
    for other in found[1:]:
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(found[0], other))


def test_depth_is_the_first_axis_of_the_window():
    torch.manual_seed(0)
    layer = RSA(8, (5, 1, 1), 2).double()
    x = torch.randn(1, 8, 5, 5, 5, dtype=torch.float64)
    moved = x.clone()
    moved[:, :, 3, 2, 2] += 1.0
    changed = (layer(x) - layer(moved)).abs().sum(1)[0] > 1e-12
    reach = changed.nonzero()
    assert set(reach[:, 0].tolist()) == {1, 2, 3, 4}  # all within two slices of slice 3
    assert (reach[:, 1:] == 2).all()


def test_kernel_and_context_depend_on_what_is_around():
    """A basic kernel with a basic context is bilinear in query and values; the relational parts are not."""
    torch.manual_seed(0)
    x = torch.randn(1, 8, 5, 5, 5, dtype=torch.float64)
    outputs = {parts: RSA(8, (3, 3, 3), 2, *parts).double() for parts in (("V", "V"), ("VR", "VR"))}
    sizes = {parts: sum(p.numel() for p in layer.parameters()) for parts, layer in outputs.items()}
    # H1 has dk dd M weights, G has dv M
    assert sizes["VR", "VR"] - sizes["V", "V"] == 4 * 4 * 27 + 4 * 27
    assert all(layer(x).shape == x.shape for layer in outputs.values())


def count(net):
    return sum(p.numel() for p in net.parameters())


def double_weights(into, out):
    return 27 * into * out + 27 * out * out + 4 * out  # and scale and shift of two normalisations


def test_the_papers_sizes():
    sizes, patch = (32, 64, 128, 256, 512), (96, 96, 96)
    plain = double_weights(1, 32) + sum(double_weights(a, b) for a, b in pairwise(sizes))
    plain += sum(8 * b * a + a for a, b in pairwise(sizes))  # transposed convolutions
    plain += sum(double_weights(2 * a, a) for a in sizes[:-1]) + 32 * 14 + 14
    assert count(RelationalUNet(1, 14, patch, skip="identity")) == plain
    window = 5 * 7 * 7
    attention = 0
    for c in sizes[:-1]:
        d = c // 8
        attention += c * c + 2 * c * d + d * d + window * (d * d + 2 * d)
    assert count(RelationalUNet(1, 14, patch)) == plain + attention
    assert count(RelationalUNet(1, 14, patch, down="conv")) == plain + attention


@pytest.mark.parametrize("options", [{}, {"down": "conv", "norm": "batch"}, {"skip": "identity"}])
def test_shapes_and_gradients(options):
    torch.manual_seed(0)
    net = RelationalUNet(1, 3, (8, 12, 16), (8, 16, 16), window=(3, 3, 3), heads=4, **options)
    y = net(torch.randn(2, 1, 8, 12, 16))
    assert y.shape == (2, 3, 8, 12, 16)
    y.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert all(p.grad.abs().max() > 0 for name, p in net.named_parameters() if "skips" in name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"skip": "none"}, "net.skip"),
        ({"down": "x"}, "net.down"),
        ({"norm": "x"}, "net.norm"),
        ({"heads": 5}, "heads"),
        ({"window": (4, 3, 3)}, "odd"),
        ({"kernel": "Q"}, "kernel"),
    ],
)
def test_mistakes_are_one_line(options, said):
    with pytest.raises(InputError, match=said):
        RelationalUNet(1, 2, (8, 8, 8), (8, 16), **options)
