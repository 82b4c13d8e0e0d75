"""nnU-Net's plan, deformable attention against its definition, local volumes, sizes at the paper's scale."""

import pytest
import torch
import torch.nn.functional as F

from mlmi2023.core.errors import InputError
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.nets.registry import build, count_weights
from mlmi2023.papers.bhsd.deformable import DeformableAttention, places
from mlmi2023.papers.bhsd.nnformer import Block
from mlmi2023.papers.bhsd.nnunet import plan_of
from preflight_root import ROOT

NETWORKS = "mlmi2023.papers.bhsd.networks"
PATCH = (32, 128, 128)
METHODS = read_yaml(ROOT / "config/papers/bhsd.yaml")["all"]["methods"]
SMALL = {
    "unetr": {"name": "unetr", "features": 4, "hidden": 16, "mlp": 16, "heads": 2},
    "swin_unetr": {
        "name": "swin_unetr", "features": 12, "window": 2, "depths": [1, 1, 1, 1], "heads": [1, 1, 1, 1],
        "norm": "group",
    },
    "cotr": {
        "name": "cotr", "features": [4, 6, 8, 8], "blocks": [1, 1, 1], "layers": 1, "heads": 2, "points": 2,
        "mlp": 8,
    },
    "nnformer": {"name": "nnformer", "width": 8, "depths": [2, 1], "heads": [2, 2], "window": 2},
    "nnunet": {"name": "nnunet", "spacing": [9.0, 4.5, 4.5], "base": 4, "levels": 4},
}  # fmt: skip


def test_the_plan_of_the_papers_patch_halves_depth_late():
    plan = plan_of(PATCH, (5.0, 0.5, 0.5))
    flat, cube = (1, 3, 3), (3, 3, 3)
    assert plan.kernels == [flat, flat, flat, cube, cube, cube]
    assert plan.strides == [(1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert plan.features == [32, 64, 128, 256, 320, 320]
    cubes = plan_of((64, 64, 64), (1.0, 1.0, 1.0))
    assert cubes.strides[1:] == [(2, 2, 2)] * 4 and cubes.kernels == [cube] * 5
    image = plan_of((1, 96, 96), (1.0, 1.0, 1.0))  # one slice: no axis to look along
    assert image.kernels == [flat] * 5 and image.strides[1:] == [(1, 2, 2)] * 4
    assert len(plan_of(PATCH, (5.0, 0.5, 0.5), levels=3).kernels) == 3


@pytest.mark.parametrize(
    ("method", "millions", "slack"),
    # printed by the networks' authors: UNETR 92.58 (14 classes, 96 x 96 x 96), CoTr 41.9, nnFormer 150.5;
    # nnU-Net's of six levels has about 31
    [("unetr", 92.58, 0.3), ("cotr", 41.9, 5.0), ("nnformer", 150.5, 0.6), ("nnunet", 31.0, 1.5)],
)
def test_networks_have_their_published_sizes(method, millions, slack):
    count = count_weights(METHODS[method]["net"], 1, 6, PATCH, NETWORKS)
    assert count / 1e6 == pytest.approx(millions, abs=slack)


def test_swin_unetr_has_its_published_size():
    net = build(
        METHODS["swin_unetr"]["net"], 1, 6, PATCH, NETWORKS
    )  # MONAI cannot make it without its numbers
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(62.2, abs=0.3)


@pytest.mark.parametrize("method", list(SMALL))
def test_every_network_answers_at_the_patchs_size_and_learns_everywhere(method):
    torch.manual_seed(0)
    net = build(SMALL[method], 1, 3, (16, 32, 32), NETWORKS)
    image = torch.randn(1, 1, 16, 32, 32)
    found = net.train()(image)
    deep = [found] if isinstance(found, torch.Tensor) else found
    assert deep[0].shape == (1, 3, 16, 32, 32)
    if method in ("cotr", "nnformer", "nnunet"):
        sizes = [own.shape[3] for own in deep]
        assert sizes == sorted(sizes, reverse=True) and (len(sizes) > 1 or method == "nnformer")
    sum(own.square().mean() for own in deep).backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # MONAI's blocks hold a norm for an attention that is not asked for; a bias before an instance norm is
    # idle; at first no offset depends on the query, to which the level's code is added
    known = ("cross_attn", "bias", "level")
    assert not [n for n in idle if not any(word in n for word in known)]
    with torch.no_grad():
        answer = net.eval()(image)
    assert answer.shape == (1, 3, 16, 32, 32)


def test_a_block_that_asks_the_encoder_adds_its_tokens_too():
    block = Block(8, (2, 4, 4), 2, (2, 4, 4), False, crossed=True)
    for last in (block.attention.proj, block.mlp[-1]):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    own, other = torch.randn(1, 2, 4, 4, 8), torch.randn(1, 2, 4, 4, 8)
    torch.testing.assert_close(block(own, other), own + other)


def test_a_patch_that_does_not_fit_is_one_line():
    for method, size in (("cotr", (16, 24, 32)), ("nnformer", (16, 32, 36)), ("nnunet", (16, 36, 34))):
        with pytest.raises(InputError, match="divide"):
            build(SMALL[method], 1, 3, size, NETWORKS)
    with pytest.raises(InputError, match="heads"):
        build({**SMALL["cotr"], "heads": 3}, 1, 3, (16, 32, 32), NETWORKS)


def test_deformable_attention_is_its_definition_place_by_place():
    torch.manual_seed(1)
    shapes, heads, points, width = [(2, 3, 4), (1, 2, 2)], 2, 3, 8
    own = DeformableAttention(width, heads, len(shapes), points)
    for parameter in own.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    at = places(shapes)
    assert len(at) == 28 and torch.allclose(at[0], torch.tensor([1 / 8, 1 / 6, 1 / 4]))
    tokens, query = torch.randn(1, 28, width), torch.randn(1, 28, width)
    found = own(query, tokens, at, shapes)
    values = own.values(tokens)[0]
    offsets = own.offsets(query)[0].view(28, heads, 2, points, 3)
    weights = own.weights(query)[0].view(28, heads, -1).softmax(-1).view(28, heads, 2, points)
    n, expected = 17, torch.zeros(width)
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        for level, (deep, tall, wide) in enumerate(shapes):
            start = 0 if level == 0 else 24
            volume = values[start : start + deep * tall * wide, part].T.reshape(1, -1, deep, tall, wide)
            for point in range(points):
                # voxels of this map, along W, H, T
                where = at[n] * torch.tensor([wide, tall, deep]) + offsets[n, head, level, point]
                grid = (2 * where / torch.tensor([wide, tall, deep]) - 1).view(1, 1, 1, 1, 3)
                seen = F.grid_sample(volume, grid, align_corners=False).flatten()
                expected[part] += weights[n, head, level, point] * seen
    assert torch.allclose(found[0, n], own.out(expected), atol=1e-5)


def test_attention_stays_inside_a_local_volume_and_shifting_joins_others():
    torch.manual_seed(0)
    x = torch.randn(1, 4, 4, 4, 8)
    moved = x.clone()
    moved[0, 0, 0, 0] += 1
    for shifted, reaches in ((False, False), (True, True)):
        block = Block(8, (4, 4, 4), 2, (2, 2, 2), shifted).eval()
        for parameter in block.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        change = (block(moved) - block(x)).abs().sum(-1)[0]
        # the plain volume of the corner is 2 x 2 x 2; the shifted one holds the corner alone, cut off by the
        # mask
        assert change[0, 0, 0] > 0 and change[2:].max() == 0
        assert (change[1, 1, 1] > 0) == (not reaches)
    crossed = Block(8, (4, 4, 4), 2, (2, 2, 2), False, crossed=True).eval()
    for parameter in crossed.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    other = torch.randn_like(x)
    assert not torch.allclose(crossed(x, other), crossed(x, x))
