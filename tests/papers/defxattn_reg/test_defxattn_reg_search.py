"""XMorpher* of defxattn_reg: enlarged search windows against a slow reference, its size, its switch."""

from contextlib import nullcontext
from itertools import product

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.nets.registration.builders import parameter_count
from mlmi2023.papers.defxattn_reg.attention import WindowCrossAttention
from mlmi2023.papers.defxattn_reg.model import build_net, on_meta
from mlmi2023.papers.defxattn_reg.search_attention import SearchWindowAttention

PAPER = (160, 192, 224)
# As for TM-DCA (test_defxattn_reg_model) without the offset network, with 8 * 19 * 23 * 27 = 94392 places:
# of a 5 x 6 x 7 window and one three times as large, 2 * 2w - 1 differences along an axis.
BLOCKS = sum(depth * (12 * c**2 + 10 * c + 94_392) for depth, c in ((4, 96), (4, 192), (5, 384)))
STREAM = BLOCKS + 6_432 + 148_992 + 592_896 + 1_344
UP_3 = 27 * ((384 + 192) * 192 + 192**2 + (192 + 96) * 96 + 96**2 + (96 + 48) * 48 + 48**2 + 2 * 48)
BSPLINE = 27 * (48 * 32 + 32 * 32 + 32 * 3) + 32 + 32 + 3


def test_size_and_shape_at_paper_scale(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *a, **k: nullcontext())
    encoder = {"kind": "search_cross_attention", "window": [5, 6, 7]}
    net = on_meta({"encoder": encoder, "decoder": {"kind": "bspline"}}, PAPER)
    assert parameter_count(net) == 2 * STREAM + UP_3 + BSPLINE
    image = torch.empty(1, 1, *PAPER, device="meta")
    assert net(image, image).shape == (1, 3, *PAPER)
    attention = net.core.encoder.levels[0][0].moving.attention
    assert attention.bias_index.shape == (5 * 6 * 7, 27 * 5 * 6 * 7)  # N_b and alpha beta gamma N_b


def slow_attention(net: SearchWindowAttention, base, reference, window, shift, margin) -> np.ndarray:
    """Token by token: (X, Y, Z, C) maps."""
    size, channels = base.shape[:3], base.shape[3]
    u_q, u_kv = net.to_query.weight.detach().numpy(), net.to_key_value.weight.detach().numpy()
    table = net.bias_table.detach().numpy()
    table = table.reshape(*[2 * (w + m) - 1 for w, m in zip(window, margin)], -1)
    heads = table.shape[-1]
    width = channels // heads
    mixed = np.zeros((*size, channels))
    for place in product(*map(range, size)):
        start = [(p + s) // w * w - s for p, s, w in zip(place, shift, window)]
        reach = [range(a - m, a + w + m) for a, w, m in zip(start, window, margin)]
        for head in range(heads):
            rows = slice(head * width, (head + 1) * width)
            query = u_q[rows] @ base[place]
            scores, values = [], []
            for other in product(*reach):
                inside = all(0 <= o < n for o, n in zip(other, size))
                features = reference[other] if inside else np.zeros(channels)
                apart = [p - o + w + m - 1 for p, o, w, m in zip(place, other, window, margin)]
                scores.append(query @ (u_kv[rows] @ features) / np.sqrt(width) + table[(*apart, head)])
                values.append(u_kv[channels + head * width : channels + (head + 1) * width] @ features)
            weight = np.exp(np.array(scores) - max(scores))
            mixed[place][rows] = (weight / weight.sum()) @ np.array(values)
    return mixed @ net.project.weight.detach().numpy().T + net.project.bias.detach().numpy()


@pytest.mark.parametrize("shifted", [False, True])
def test_attention_equals_slow_reference(shifted):
    torch.manual_seed(0)
    size, window = (4, 5, 3), (2, 3, 4)  # padding along the second axis; the third is covered by one window
    net = SearchWindowAttention(4, 2, size, window, shifted).double()
    base, reference = torch.randn(2, 2, *size, 4, dtype=torch.float64)
    ours = net(base, reference).detach().numpy()
    shift = (1, 1, 0) if shifted else (0, 0, 0)
    for case in (0, 1):
        slow = slow_attention(net, base[case].numpy(), reference[case].numpy(), (2, 3, 3), shift, (2, 3, 0))
        np.testing.assert_allclose(ours[case], slow, atol=1e-10)


def test_search_reaches_as_far_as_it_should_and_gradients_flow():
    torch.manual_seed(1)
    net = SearchWindowAttention(4, 2, (9, 9, 9), (3, 3, 3))
    base, reference = torch.randn(2, 1, 9, 9, 9, 4)
    reference.requires_grad_()
    net(base, reference)[0, 1, 1, 1].sum().backward()
    felt = reference.grad[0].abs().amax(-1) > 0
    assert felt[:6, :6, :6].all() and not felt[6:].any() and not felt[:, 6:].any() and not felt[..., 6:].any()
    assert net.bias_table.grad.abs().max() > 0 and net.to_query.weight.grad.abs().max() > 0


def test_roles_differ_from_the_papers_own_attention():
    """Here the base asks and the reference answers; in Eq. 1 the reference asks."""
    torch.manual_seed(2)
    ours = SearchWindowAttention(4, 2, (4, 4, 4), (2, 2, 2), factor=1)
    theirs = WindowCrossAttention(4, 2, (4, 4, 4), (2, 2, 2))
    theirs.load_state_dict(ours.state_dict())
    a, b = torch.randn(2, 1, 4, 4, 4, 4)
    torch.testing.assert_close(ours(a, b), theirs(b, a))
    assert not torch.allclose(ours(a, b), theirs(a, b), atol=1e-2)


TINY = {"kind": "search_cross_attention", "embed": 8, "depths": [2, 1], "heads": [2, 2], "window": [2, 2, 2]}


def test_the_switch_switches_and_wrong_factors_are_named():
    steps = {"kind": "time_varying", "steps": 2, "head_channels": 4}
    sizes = {}
    for search in (1, 3):
        torch.manual_seed(3)
        net = build_net({"encoder": TINY | {"search": search}, "decoder": steps}, (30, 23, 37))
        moving, fixed = torch.rand(2, 1, 1, 30, 23, 37)
        field = net(moving, fixed)
        assert field.shape == (1, 3, 30, 23, 37) and field.abs().max() < 0.05
        (field - 1).square().sum().backward()
        assert all(p.grad is not None for p in net.parameters())
        sizes[search] = parameter_count(net)
    assert sizes[3] > sizes[1]
    with pytest.raises(InputError, match="odd"):
        build_net({"encoder": TINY | {"search": 2}, "decoder": steps}, (32, 32, 32))
