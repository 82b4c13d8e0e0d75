"""Networks of defxattn_reg: sizes, attention against a slow reference, offsets, decoders."""

import math
from contextlib import nullcontext
from itertools import product

import numpy as np
import pytest
import torch
from torch.nn.functional import conv3d

from mlmi2023.core.errors import InputError
from mlmi2023.nets.blocks.conv3 import Conv3
from mlmi2023.nets.registration.builders import parameter_count
from mlmi2023.papers.defxattn_reg.attention import WindowCrossAttention
from mlmi2023.papers.defxattn_reg.decoders import BSplineDecoder
from mlmi2023.papers.defxattn_reg.encoders import CrossAttentionEncoder
from mlmi2023.papers.defxattn_reg.gradcam import last_convolutions
from mlmi2023.papers.defxattn_reg.model import build_net, on_meta

PAPER = (160, 192, 224)
DCA = {"kind": "deformable_cross_attention", "window": [5, 6, 7]}
SWIN = {"kind": "self_attention", "window": [5, 6, 7]}
ROWS = {
    "tm_dca": {"encoder": DCA, "decoder": {"kind": "bspline"}},
    "tm_dca_tvf": {"encoder": DCA, "decoder": {"kind": "time_varying"}},
    "tm_dca_oasis": {"encoder": DCA, "decoder": {"kind": "time_varying"}, "input_scale": 0.5},
    "tm_bspl": {"encoder": SWIN, "decoder": {"kind": "bspline"}},
    "tm_tvf": {"encoder": SWIN, "decoder": {"kind": "time_varying"}},
    "transmorph": {"encoder": SWIN, "decoder": {"kind": "direct"}},
    "voxelmorph": {"encoder": {"kind": "voxelmorph"}},
}

# Counts by hand. c is the width of a level, 9 * 11 * 13 = 1287 the relative positions of a 5 x 6 x 7 window.
#
# A block of one stream, 8 heads, offset kernel k:
#   U_q c^2, U_kv 2c^2, output c^2 + c, MLP 8c^2 + 5c, two norms 4c, positions 8 * 1287, depth-wise
#   c k^3 + c, pointwise 24c, together 12c^2 + 35c + c k^3 + 10296
#   c = 96, k = 7:   110592 +  3360 + 32928 + 10296 =  157176, four blocks   628704
#   c = 192, k = 5:  442368 +  6720 + 24000 + 10296 =  483384, four blocks  1933536
#   c = 384, k = 3: 1769472 + 13440 + 10368 + 10296 = 1803576, five blocks  9017880
# Embedding 64 * 96 + 96 and its norm 192: 6432. Merging c: 16c^2 and norm 16c: 148992 and 592896.
# Output norms 2 * (96 + 192 + 384) = 1344.
DCA_STREAM = 628_704 + 1_933_536 + 9_017_880 + 6_432 + 148_992 + 592_896 + 1_344
#
# A Swin block with h heads: q, k, v 3c^2, output c^2 + c, MLP 8c^2 + 5c, norms 4c, positions 1287h:
#   12c^2 + 10c + 1287h; levels (96, 4 heads) x 2, (192, 4) x 2, (384, 8) x 4, (768, 8) x 2.
# Embedding 128 * 96 + 96 + 192 = 12576; merging to 768: 16 * 384^2 + 16 * 384 = 2365440; norms 2 * 1440.
SWIN_ENCODER = (
    2 * (110_592 + 960 + 5_148)
    + 2 * (442_368 + 1_920 + 5_148)
    + 4 * (1_769_472 + 3_840 + 10_296)
    + 2 * (7_077_888 + 7_680 + 10_296)
    + 12_576
    + (148_992 + 592_896 + 2_365_440)
    + 2_880
)
# Up-blocks, 27 taps, no bias: (deep + skip) * out + out * out. Pair convolution 2 -> 48.
UP_3 = 27 * ((384 + 192) * 192 + 192**2 + (192 + 96) * 96 + 96**2 + (96 + 48) * 48 + 48**2 + 2 * 48)
UP_4 = UP_3 + 27 * ((768 + 384) * 384 + 384**2)
# B-spline head: 48 -> 32 -> 32 -> 3 with biases.
BSPLINE = 27 * (48 * 32 + 32 * 32 + 32 * 3) + 32 + 32 + 3
# A time step: pair 2 -> 48, block (48 + 48) -> 16 -> 16, field 16 -> 3; twelve of them.
STEPS = 12 * (27 * (2 * 48 + 96 * 16 + 16 * 16 + 16 * 3) + 3)
# Direct head: pair 2 -> 16, block (48 + 16) -> 16 -> 16, field 16 -> 3.
DIRECT = 27 * (2 * 16 + 64 * 16 + 16 * 16 + 16 * 3) + 3
# VoxelMorph-2: pairs of (in, out), each 27 * in * out + out; 34 = 32 + the two images.
VOXELMORPH = sum(
    27 * i * o + o
    for i, o in (
        *((2, 16), (16, 32), (32, 32), (32, 32)),
        *((32, 32), (64, 32), (64, 32), (48, 32)),
        *((34, 32), (32, 16), (16, 16), (16, 3)),
    )
)
EXPECTED = {
    "tm_dca": 2 * DCA_STREAM + UP_3 + BSPLINE,
    "tm_dca_tvf": 2 * DCA_STREAM + UP_3 + STEPS,
    "tm_dca_oasis": 2 * DCA_STREAM + UP_3 + STEPS,
    "tm_bspl": SWIN_ENCODER + UP_4 + BSPLINE,
    "tm_tvf": SWIN_ENCODER + UP_4 + STEPS,
    "transmorph": SWIN_ENCODER + UP_4 + DIRECT,
    "voxelmorph": VOXELMORPH,
}


@pytest.mark.parametrize("row", ROWS)
def test_size_and_shape_at_paper_scale(row, monkeypatch):
    # autocast knows no meta device; nothing here depends on it
    monkeypatch.setattr(torch, "autocast", lambda *a, **k: nullcontext())
    net = on_meta(ROWS[row], PAPER)
    assert parameter_count(net) == EXPECTED[row]
    image = torch.empty(1, 1, *PAPER, device="meta")
    field = net(image, image)
    assert field.shape == (1, 3, *PAPER)
    assert field.dtype == torch.float32


def test_published_sizes():
    assert round(EXPECTED["transmorph"] / 1e6, 2) == 46.77  # TransMorph's own table
    assert EXPECTED["voxelmorph"] == 301_411  # 0.30 million there


def trilinear(volume: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Value of a (X, Y, Z, C) map at a real-valued place, the border beyond it."""
    place = np.clip(place, 0, np.array(volume.shape[:3]) - 1)
    low = np.minimum(np.floor(place).astype(int), np.array(volume.shape[:3]) - 1)
    high = np.minimum(low + 1, np.array(volume.shape[:3]) - 1)
    part = place - low
    value = np.zeros(volume.shape[3])
    for corner in product((0, 1), repeat=3):
        weight = np.prod([part[k] if c else 1 - part[k] for k, c in enumerate(corner)])
        value += weight * volume[tuple(high[k] if c else low[k] for k, c in enumerate(corner))]
    return value


def slow_attention(net: WindowCrossAttention, base, reference, offsets, window, shift) -> np.ndarray:
    """Eq. 2 token by token: (X, Y, Z, C) maps, offsets (heads, 3, X, Y, Z)."""
    u_q, u_kv = net.to_query.weight.detach().numpy(), net.to_key_value.weight.detach().numpy()
    table = net.bias_table.detach().numpy().reshape(*[2 * w - 1 for w in window], -1)
    size, channels = base.shape[:3], base.shape[3]
    heads = table.shape[-1]
    width = channels // heads
    padded = [-(-n // w) * w for n, w in zip(size, window)]
    mixed = np.zeros((*size, channels))
    for place in product(*map(range, size)):
        rolled = [(p - s) % n for p, s, n in zip(place, shift, padded)]
        start = [r // w * w for r, w in zip(rolled, window)]
        for head in range(heads):
            rows = slice(head * width, (head + 1) * width)
            moved = np.array(place) + offsets[(head, slice(None), *place)]
            query = u_q[rows] @ trilinear(reference, moved)
            scores, values = [], []
            for step in product(*map(range, window)):
                other = [a + b for a, b in zip(start, step)]
                # wrapped-around tokens are neighbours in memory only
                same = all(
                    (r >= n - s) == (o >= n - s) or s == 0 for r, o, n, s in zip(rolled, other, padded, shift)
                )
                if not same:
                    continue
                token = [(o + s) % n for o, s, n in zip(other, shift, padded)]
                inside = all(t < n for t, n in zip(token, size))
                features = base[tuple(token)] if inside else np.zeros(channels)
                apart = [r - o + w - 1 for r, o, w in zip(rolled, other, window)]
                scores.append(query @ (u_kv[rows] @ features) / np.sqrt(width) + table[(*apart, head)])
                values.append(u_kv[channels + head * width : channels + (head + 1) * width] @ features)
            weight = np.exp(np.array(scores) - max(scores))
            mixed[place][rows] = (weight / weight.sum()) @ np.array(values)
    return mixed @ net.project.weight.detach().numpy().T + net.project.bias.detach().numpy()


@pytest.mark.parametrize("shifted", [False, True])
def test_attention_equals_slow_reference(shifted):
    torch.manual_seed(0)
    size, window = (4, 5, 6), (2, 3, 2)  # five is no multiple of three: padding too
    net = WindowCrossAttention(4, 2, size, window, shifted, offset_kernel=3).double()
    base, reference = torch.randn(2, 2, *size, 4, dtype=torch.float64)
    offsets = 2 * torch.randn(2, 2, 3, *size, dtype=torch.float64)
    net.offsets.forward = lambda b, r: offsets
    ours = net(base, reference).detach().numpy()
    shift = (1, 1, 1) if shifted else (0, 0, 0)
    for case in (0, 1):
        inputs = (array[case].numpy() for array in (base, reference, offsets))
        slow = slow_attention(net, *inputs, window, shift)
        np.testing.assert_allclose(ours[case], slow, atol=2e-5)  # sampling is in float32


def test_fresh_offsets_are_undeformed_windows():
    torch.manual_seed(1)
    deformable = WindowCrossAttention(8, 2, (4, 4, 4), (2, 2, 2), offset_kernel=3)
    plain = WindowCrossAttention(8, 2, (4, 4, 4), (2, 2, 2), offset_kernel=None)
    plain.load_state_dict({k: v for k, v in deformable.state_dict().items() if not k.startswith("offsets")})
    base, reference = torch.randn(2, 1, 4, 4, 4, 8)
    assert torch.allclose(deformable(base, reference), plain(base, reference), atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_constant_offset_shifts_the_reference(axis):
    torch.manual_seed(2)
    net = WindowCrossAttention(4, 2, (4, 6, 5), (2, 3, 5), offset_kernel=3)
    tokens = torch.randn(1, 4, 6, 5, 4)
    offsets = torch.zeros(1, 2, 3, 4, 6, 5)
    offsets[:, 0, axis] = 1  # first head only: its channels are the first two
    sampled = net.sample(tokens, offsets)
    moved = tokens.roll(-1, dims=axis + 1)
    inner = tuple(slice(0, -1) if a == axis else slice(None) for a in range(3))
    assert torch.allclose(sampled[0][inner][..., :2], moved[0][inner][..., :2], atol=1e-5)
    assert torch.allclose(sampled[..., 2:], tokens[..., 2:], atol=1e-5)


def test_offset_net_learns_and_is_bounded():
    torch.manual_seed(3)
    net = WindowCrossAttention(8, 2, (4, 6, 8), (2, 3, 4), offset_kernel=3)
    base, reference = torch.randn(2, 1, 4, 6, 8, 8)
    net(base, reference).square().sum().backward()
    assert net.offsets.pointwise.weight.grad.abs().max() > 0
    torch.nn.init.constant_(net.offsets.pointwise.weight, 100.0)
    reach = net.offsets(base, reference).abs().amax(dim=(0, 1, 3, 4, 5))
    assert torch.allclose(reach, torch.tensor([2.0, 3.0, 4.0]), atol=1e-3)


def test_roles_swap_with_the_images():
    torch.manual_seed(4)
    encoder = CrossAttentionEncoder((16, 16, 32), 8, (2, 1), (2, 2), (2, 2, 2), (3, 3), drop_path=0.0).eval()
    encoder.fixed.load_state_dict(encoder.moving.state_dict())
    for level in encoder.levels:
        for block in level:
            block.fixed.load_state_dict(block.moving.state_dict())
    moving, fixed = torch.rand(2, 1, 1, 16, 16, 32)
    first, second = encoder.streams(moving, fixed), encoder.streams(fixed, moving)
    for a, b in zip(first[0] + first[1], second[1] + second[0]):
        assert torch.allclose(a, b, atol=1e-5)
    assert not torch.allclose(first[0][-1], first[1][-1], atol=1e-3)
    # cross-attention: what the moving stream says depends on the fixed image
    assert not torch.allclose(first[0][-1], encoder.streams(moving, moving)[0][-1], atol=1e-3)


TINY = (32, 24, 40)
TINY_DCA = {
    "kind": "deformable_cross_attention",
    "embed": 8,
    "depths": [2, 1],
    "heads": [2, 2],
    "window": [2, 3, 2],
    "offset_kernels": [3, 3],
}
TINY_SWIN = {"kind": "self_attention", "embed": 8, "depths": [2, 1], "heads": [2, 2], "window": [2, 3, 2]}
TINY_ROWS = {
    "dca_bspline": {"encoder": TINY_DCA, "decoder": {"kind": "bspline", "resize_channels": 8}},
    "dca_steps": {"encoder": TINY_DCA, "decoder": {"kind": "time_varying", "steps": 2, "head_channels": 4}},
    "swin_direct": {"encoder": TINY_SWIN, "decoder": {"kind": "direct", "head_channels": 4}},
    "voxelmorph": {"encoder": {"kind": "voxelmorph", "down": [4, 8], "up": [8, 8], "full": [4]}},
}


@pytest.mark.parametrize("row", TINY_ROWS)
@pytest.mark.parametrize("shape", [TINY, (30, 23, 37)])
def test_any_shape_starts_at_identity_and_learns(row, shape):
    torch.manual_seed(5)
    net = build_net(TINY_ROWS[row], shape).eval()  # no stochastic depth
    moving, fixed = torch.rand(2, 1, 1, *shape)
    field = net(moving, fixed)
    assert field.shape == (1, 3, *shape)
    assert field.abs().max() < 0.05
    (field - 1).square().sum().backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert idle == []
    assert len(last_convolutions(net)) >= 1
    with pytest.raises(ValueError, match="made for"):
        net(moving[..., :-1], fixed[..., :-1])


def test_half_size_field_is_doubled():
    torch.manual_seed(6)
    net = build_net(TINY_ROWS["swin_direct"] | {"input_scale": 0.5}, TINY)
    net.core.decoder.field.bias.data[:] = torch.tensor([1.0, 2.0, 3.0])
    field = net(*torch.rand(2, 1, 1, *TINY))
    for axis, n in enumerate(TINY):
        ratio = (n - 1) / (n // 2 - 1)
        assert field[:, axis].mean().item() == pytest.approx((axis + 1) * ratio, abs=0.01)


def test_time_steps_compose_and_see_the_warped_image():
    torch.manual_seed(7)
    net = build_net(TINY_ROWS["dca_steps"], TINY)
    decoder = net.core.decoder
    for step in decoder.steps:
        step.field.bias.data[:] = torch.tensor([0.0, 1.0, 0.0])
    seen = []
    decoder.steps[1].pair.register_forward_hook(lambda m, i, o: seen.append(i[0]))
    moving, fixed = torch.rand(2, 1, 1, *TINY)
    field = net(moving, fixed)
    assert torch.allclose(field[:, 1], torch.tensor(2.0), atol=0.01)  # 1 after 1
    assert torch.allclose(seen[0][:, 0, :, :-1], moving[:, 0, :, 1:], atol=0.01)
    assert torch.equal(seen[0][:, 1], fixed[:, 0])


def smallest_jacobian(u: torch.Tensor) -> float:
    """Smallest forward-difference Jacobian determinant of a (3, X, Y, Z) field."""
    x, y, z = (n - 1 for n in u.shape[1:])
    slopes = [torch.diff(u, dim=axis)[:, :x, :y, :z] for axis in (1, 2, 3)]
    return torch.linalg.det(torch.stack(slopes, dim=1).permute(2, 3, 4, 0, 1) + torch.eye(3)).min().item()


def test_bspline_decoder_integrates_and_does_not_fold():
    folds = {}
    for steps in (0, 7):
        torch.manual_seed(8)
        decoder = {"kind": "bspline", "resize_channels": 8, "integration_steps": steps}
        net = build_net({"encoder": TINY_DCA, "decoder": decoder}, TINY).eval()
        torch.nn.init.normal_(net.core.decoder.field.weight, std=2.5)
        with torch.no_grad():
            folds[steps] = smallest_jacobian(net(*torch.rand(2, 1, 1, *TINY))[0])
    assert folds[0] < 0  # as a displacement the same spline would fold
    assert folds[7] > 0


def test_bspline_decoder_stretches_features_over_its_lattice():
    """Declared: the lattice reaches beyond the image, and features are stretched over it."""

    class Places(torch.nn.Module):
        """Features at half size: where they lie in the image, in voxels of full size along each axis."""

        def forward(self, maps, images):
            halves = [2 * torch.arange(n // 2) + 0.5 for n in TINY]
            places = torch.stack(torch.meshgrid(*halves, indexing="ij"))
            return torch.cat((places, places[:1]))[None]

    torch.manual_seed(0)
    decoder = build_net({"encoder": TINY_DCA, "decoder": {"kind": "bspline"}}, TINY).core.decoder
    decoder.up, seen = Places(), []
    decoder.first.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0][0]))
    decoder([], *torch.rand(2, 1, 1, *TINY))
    for axis, n in enumerate(TINY):
        count = math.ceil((n - 1) / 3) + 3
        points = 3 * (torch.arange(count) - 1)  # the first a spacing before the image
        stretched = ((torch.arange(count) + 0.5) * n / count - 0.5).clamp(0.5, n - 1.5)
        line = seen[0][axis].movedim(axis, 0)[:, 4, 4]
        torch.testing.assert_close(line, stretched)
        assert points[0] == -3 and points[-1] >= n + 2 and (line - points).abs().max() > 3


@pytest.mark.parametrize("row", TINY_ROWS)
def test_same_seed_same_field_and_checkpointing_changes_nothing(row):
    fields, grads = [], []
    for checkpoint in (False, False, True):
        torch.manual_seed(9)
        net = build_net(TINY_ROWS[row] | {"checkpoint": checkpoint}, TINY)
        moving, fixed = torch.rand(2, 1, 1, *TINY)
        field = net(moving, fixed)
        field.square().sum().backward()
        fields.append(field.detach())
        grads.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert torch.equal(fields[0], fields[1]) and torch.equal(grads[0], grads[1])
    assert torch.equal(fields[0], fields[2]) and torch.allclose(grads[0], grads[2])


@pytest.mark.parametrize("row", TINY_ROWS)
def test_half_precision_keeps_the_field_fine(row):
    torch.manual_seed(11)
    net = build_net(TINY_ROWS[row], TINY).eval()
    for module in net.modules():
        if hasattr(module, "field"):
            torch.nn.init.normal_(module.field.weight, std=0.3)
    moving, fixed = torch.rand(2, 1, 1, *TINY)
    with torch.no_grad():
        exact = net(moving, fixed)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = net(moving, fixed)
    assert half.dtype == torch.float32
    assert not torch.equal(half, half.bfloat16().float())
    assert (half - exact).abs().mean() < 0.1 * exact.abs().mean()


@pytest.mark.parametrize(("size", "stride"), [((6, 5, 4), 1), ((7, 5, 4), 1), ((8, 5, 4), 2), ((6, 5, 4), 2)])
def test_split_convolution_is_the_convolution(size, stride):
    torch.manual_seed(10)
    layer = Conv3(3, 4, stride).double()
    volume = torch.randn(1, 3, *size, dtype=torch.float64)
    expected = conv3d(volume, layer.weight, layer.bias, stride, 1)
    torch.testing.assert_close(layer(volume), expected)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"encoder": {"kind": "resnet"}}, "resnet"),
        ({"encoder": TINY_SWIN, "decoder": {"kind": "direct"}, "input_scal": 0.5}, "input_scal"),
        ({"encoder": TINY_SWIN, "decoder": {"kind": "fields"}}, "fields"),
        ({"encoder": TINY_SWIN | {"deep": 3}, "decoder": {"kind": "direct"}}, "deep"),
        ({"encoder": {"kind": "voxelmorph", "down": [4, 4], "up": [4]}}, "as many"),
    ],
)
def test_wrong_options_are_named(options, says):
    with pytest.raises(InputError, match=says):
        build_net(options, TINY)


def test_control_points_take_the_features_of_their_own_place():
    """Features that are the place itself come out as they are in place, and voxels off when stretched."""
    shape, found = (16, 24, 16), {}
    axis = torch.arange(12) * 2 + 0.5  # centres of voxels of half size, in voxels along the second axis
    half = axis.view(1, 1, 1, -1, 1).expand(1, 8, 8, 12, 8)
    for lattice in ("stretched", "in_place"):
        decoder = BSplineDecoder((16, 32), shape, spacing=4, lattice=lattice)
        true = decoder.spline.points(1).clamp(0.5, 22.5)  # beyond the features' centres the border counts
        found[lattice] = (decoder._on_lattice(half)[0, 0, 2, :, 2] - true).abs().max().item()
    assert found["in_place"] < 1e-4 < 2 < found["stretched"]


def test_control_points_know_how_the_field_is_enlarged():
    decoder = BSplineDecoder((16, 32), (16, 24, 16), spacing=2, integration_scale=0.5, lattice="in_place")
    assert decoder.spline.spacing == (1, 1, 1) and decoder.spline.shape == (8, 12, 8)
    # the last voxel of the coarse field is the last of the full one
    assert decoder.places[0, 0, 12, 0, 1].item() == pytest.approx((2 * 23 + 1) / 24 - 1)


@pytest.mark.parametrize("head", ["direct", "time_varying"])
def test_decoders_at_half_size_answer_at_full_size(head):
    steps = {"steps": 2} if head == "time_varying" else {}
    options = {
        "encoder": {
            "kind": "self_attention",
            "embed": 8,
            "depths": [1, 1],
            "heads": [1, 1],
            "window": [2, 2, 2],
        },
        "decoder": {"kind": head, "head_channels": 4, "skip": "strided", "half_field": True, **steps},
    }
    torch.manual_seed(0)
    net = build_net(options, (16, 24, 16))
    assert net(*torch.rand(2, 1, 1, 16, 24, 16)).shape == (1, 3, 16, 24, 16)
