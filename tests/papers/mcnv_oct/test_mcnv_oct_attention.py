"""Super token attention and fusion against plain formulas and values worked out by hand."""

import pytest
import torch
import torch.nn.functional as F

from mlmi2023.papers.mcnv_oct.attention import SuperTokenAttention, associate, neighbours, update
from mlmi2023.papers.mcnv_oct.fusion import Fusion, SpatialAttention
from mlmi2023.papers.mcnv_oct.utnet import EfficientAttention


def plain(layer, tokens):
    """Multi-head attention of tokens (B, N, C) by its formula, with the weights of a layer."""
    inner = layer.attention
    parts = []
    for q, k, v in zip(*(part.chunk(inner.heads, 2) for part in inner.qkv(tokens).chunk(3, 2))):
        parts.append(F.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, dim=2) @ v)
    return inner.proj(torch.cat(parts, 2))


def as_tokens(x):
    return x.flatten(2).transpose(1, 2)


def test_one_token_a_pixel_is_plain_attention():
    torch.manual_seed(0)
    layer, x = SuperTokenAttention(8, 2, grid=1), torch.randn(2, 8, 4, 6)
    assert torch.allclose(as_tokens(layer(x)), plain(layer, as_tokens(x)), atol=1e-6)


def test_cells_of_equal_tokens_attend_as_one_token_each():
    """Where tokens of a cell are equal and cells far apart, association is certain and nothing is lost."""
    torch.manual_seed(0)
    layer = SuperTokenAttention(16, 4, grid=2)
    cells = 30 * torch.linalg.qr(torch.randn(16, 16))[0][:6].T.reshape(1, 16, 2, 3)
    found = layer(F.interpolate(cells, scale_factor=2, mode="nearest"))
    wanted = plain(layer, as_tokens(cells)).transpose(1, 2).reshape(1, 16, 2, 3)
    assert torch.allclose(found, F.interpolate(wanted, scale_factor=2, mode="nearest"), atol=1e-4)


def test_association_is_a_softmax_over_super_tokens():
    tokens = torch.tensor([[[2.0, 0.0, 0.0, 0.0], [0.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    supers = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]])
    one, two = torch.tensor(1.0).sigmoid(), torch.tensor(2.0).sigmoid()  # scores of 2 and 4, over sqrt(4)
    wanted = torch.tensor([[[one, 1 - one], [1 - two, two], [0.5, 0.5]]])
    assert torch.allclose(associate(tokens, supers), wanted)


def test_columns_are_normalised_by_hand():
    association = torch.tensor([[[0.8, 0.2], [0.4, 0.6], [0.8, 0.2]]])  # columns sum to 2 and 1
    tokens = torch.tensor([[[10.0], [20.0], [50.0]]])
    assert torch.allclose(update(association, tokens), torch.tensor([[[28.0], [24.0]]]))
    # a super token of equal tokens is that token, however little of each it holds
    assert torch.allclose(update(association, torch.full((1, 3, 1), 7.0)), torch.full((1, 2, 1), 7.0))


def test_super_tokens_are_updated_from_tokens_and_mapped_back_by_the_last_association():
    torch.manual_seed(0)
    x = torch.randn(1, 4, 4, 4)
    layer = SuperTokenAttention(4, 1, grid=2, iterations=3)
    tokens, supers = as_tokens(x), as_tokens(F.avg_pool2d(x, 2))
    for _ in range(3):
        q = F.softmax(tokens @ supers.transpose(1, 2) / 2, dim=2)
        supers = torch.stack([(q[0, :, [e]] * tokens[0]).sum(0) / q[0, :, e].sum() for e in range(4)])[None]
    assert torch.allclose(as_tokens(layer(x)), q @ plain(layer, supers), atol=1e-6)
    once = SuperTokenAttention(4, 1, grid=2)
    once.load_state_dict(layer.state_dict())
    assert not torch.allclose(once(x), layer(x), atol=1e-4)


def test_neighbours_are_three_by_three_cells():
    near = neighbours(8, 12, 2)
    assert near.shape == (96, 24)
    assert near[0].nonzero().flatten().tolist() == [0, 1, 6, 7]
    # the place at row 5, column 7 lies in the cell at row 2, column 3
    assert near[5 * 12 + 7].nonzero().flatten().tolist() == [8, 9, 10, 14, 15, 16, 20, 21, 22]
    torch.manual_seed(0)
    tokens, supers = torch.randn(1, 96, 4), torch.randn(1, 24, 4)
    found = associate(tokens, supers, near)
    assert torch.equal(found[0] > 0, near) and torch.allclose(found.sum(2), torch.ones(1, 96))


def test_all_cells_are_near_where_there_are_few():
    torch.manual_seed(0)
    few, many = torch.randn(1, 4, 4, 4), torch.randn(1, 4, 16, 16)
    layer, near = SuperTokenAttention(4, 1, 2), SuperTokenAttention(4, 1, 2, reach="near")
    near.load_state_dict(layer.state_dict())
    assert torch.allclose(layer(few), near(few)) and not torch.allclose(layer(many), near(many), atol=1e-4)
    with pytest.raises(ValueError, match="all or near"):
        SuperTokenAttention(4, 1, 2, reach="far")


def test_fusion_weighs_channels_of_one_branch_and_places_of_the_other():
    torch.manual_seed(0)
    fuse, m, n = Fusion(8, reduction=4).eval(), torch.randn(2, 8, 4, 4), torch.randn(2, 8, 4, 4)
    first, _, second, _ = fuse.channel.fc
    factor = torch.sigmoid(second(F.relu(first(m.mean((2, 3))))))
    assert torch.allclose(fuse.channel(m), m * factor[:, :, None, None], atol=1e-6)
    seen = torch.stack([n.mean(1), n.max(1).values], 1)
    placed = n * torch.sigmoid(F.conv2d(seen, fuse.spatial.weigh.weight, padding=3))
    assert torch.allclose(fuse.spatial(n), placed, atol=1e-6)
    whole = fuse.join(torch.cat([m * factor[:, :, None, None], placed, fuse.separable(m + n)], 1))
    assert torch.allclose(fuse(m, n), whole, atol=1e-5) and fuse(m, n).shape == m.shape
    assert not torch.allclose(fuse(m, n), fuse(n, m), atol=1e-3)
    without = Fusion(8, separable=False)
    assert without.separable is None and without(m, n).shape == m.shape
    assert sum(p.numel() for p in SpatialAttention().parameters()) == 2 * 49


def test_utnets_attention_by_its_formula_and_its_relative_positions():
    torch.manual_seed(0)
    layer, x = EfficientAttention(4, 4, 2, reduced=4), torch.randn(2, 4, 4, 4)
    with torch.no_grad():
        layer.apart.zero_()
        key, value = (as_tokens(part).chunk(2, 2) for part in layer.offer(x).chunk(2, 1))
        query = as_tokens(layer.ask(x)).chunk(2, 2)
        parts = [F.softmax(q @ k.transpose(1, 2) / 2**0.5, 2) @ v for q, k, v in zip(query, key, value)]
        wanted = layer.out(torch.cat(parts, 2).transpose(1, 2).reshape(2, 4, 4, 4))
        assert torch.allclose(layer(x, x), wanted, atol=1e-6)
        # whoever hears only the place one row below, hears that place
        layer.apart[:, 3 - 1, 3] = 1000.0
        value = layer.offer(x)[:, 4:]
        shifted = torch.cat([value[:, :, 1:], value[:, :, -1:]], 2)
        assert torch.allclose(layer(x, x)[:, :, :2], layer.out(shifted)[:, :, :2], atol=1e-5)
        # a coarser map is asked at the cell that a place lies in
        layer.apart.zero_()
        layer.apart[:, 3, 3] = 1000.0
        coarse = torch.randn(2, 4, 2, 2)
        value = layer.offer(coarse)[:, 4:].repeat_interleave(2, 2).repeat_interleave(2, 3)
        assert torch.allclose(layer(x, coarse), layer.out(value), atol=1e-5)
