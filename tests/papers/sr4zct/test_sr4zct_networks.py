"""MS-D networks against plain convolutions, and what SAINT and RPLHR make of a stack."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mlmi2023.core.config import at_scale
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.sr4zct.msd import MSDNets, parameter_count
from mlmi2023.papers.sr4zct.rplhr import Tvsrn
from mlmi2023.papers.sr4zct.saint import Saint
from mlmi2023.papers.sr4zct.slabs import WatchedBlocks, build_slab_net, thinned

ROOT = Path(__file__).parents[3]


def nets(members=3, depth=7, dilations=4):
    made = MSDNets(members, depth, dilations).double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        made.scale.copy_(torch.rand(members, 4) + 0.5)
    return made


def plain(net, images, member):
    """An MS-D network as its authors describe it: dilated convolutions of all before, mirrored borders.

    Their library mirrors about the edge, so that the outermost pixel comes twice.
    """
    mean_in, sd_in, mean_out, sd_out = net.scale[member]
    maps, start = ((images - mean_in) / sd_in)[:, None], 0
    for i in range(net.depth):
        step, count = 1 + i % max(net.dilations), i + 1
        weights = net.weights[member, start : start + 9 * count].view(3, 3, 1, count).permute(2, 3, 0, 1)
        start += 9 * count
        rows, columns = (np.pad(np.arange(n), step, mode="symmetric") for n in maps.shape[2:])
        padded = maps[:, :, rows][..., columns]
        new = F.relu(F.conv2d(padded, weights, net.biases[member, i : i + 1], dilation=step))
        maps = torch.cat([maps, new], dim=1)
    total = torch.einsum("bchw,c->bhw", maps, net.last[member]) + net.last_bias[member]
    return total * sd_out + mean_out


def test_networks_and_gradients_are_those_of_plain_convolutions():
    net = nets()
    images = torch.randn(3, 2, 13, 17, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(3, 2, 13, 17, dtype=torch.float64)
    parts = [images, *net.parameters()]
    ours, theirs = net(images), torch.stack([plain(net, images[m], m) for m in range(3)])
    assert torch.allclose(ours, theirs, atol=1e-10)
    for a, b in zip(
        torch.autograd.grad((ours * towards).sum(), parts),
        torch.autograd.grad((theirs * towards).sum(), parts),
    ):
        assert torch.allclose(a, b, atol=1e-9)
    assert torch.allclose(net(images[1], member=1), theirs[1])


def test_a_member_learns_as_if_it_were_alone():
    both, alone = nets(2), nets(1)
    for own, other in zip(alone.parameters(), both.parameters()):
        own.data.copy_(other.data[1:])
    alone.scale.copy_(both.scale[1:])
    images = torch.randn(2, 2, 12, 12, dtype=torch.float64)
    for net, part in ((both, images), (alone, images[1:])):
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            net(part).square().mean(dim=(1, 2, 3)).sum().backward()
            optimiser.step()
    for own, other in zip(alone.parameters(), both.parameters()):
        assert torch.allclose(own[0], other[1])


def test_the_paper_s_size():
    config = at_scale(read_yaml(ROOT / "config/papers/sr4zct.yaml"), "paper")
    for method in ("sr4zct", "supervised", "smore_s2", "smore_s3", "sr4zct_mis"):
        own = config["methods"][method]["net"]
        assert (own["depth"], own["dilations"]) == (100, 10)
    net = MSDNets(1, 100, 10)
    # sum of 9 i filters for i = 1..100, a bias each, 101 weights and a bias of the last layer
    assert sum(p.numel() for p in net.parameters()) == parameter_count(100) == 45_652
    assert net.dilations[:12] == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2)
    assert config["train"]["steps"] == 200 * config["train"]["epoch_steps"]
    assert (config["train"]["batch"], config["train"]["learning_rate"]) == (1, 0.001)
    for seed in (0, 1):
        made = MSDNets(2, 5, 3, seed)
        assert torch.equal(made.weights[0], made.weights[1])
    assert not torch.equal(MSDNets(1, 5, 3, 0).weights, MSDNets(1, 5, 3, 1).weights)


def test_an_untrained_network_leaves_the_image_alone():
    images = torch.rand(2, 1, 11, 11)
    assert torch.allclose(MSDNets(2, 6)(images), images, atol=1e-6)
    # and a map has the size of its inputs, however deep
    deep = MSDNets(1, 60)
    scaled = torch.randn(1, 1, 64, 64)
    maps = torch.cat([scaled, scaled], 1)
    with torch.no_grad():
        deep.last.fill_(1.0)
        assert 0.1 < float(deep(maps).std()) / 61**0.5 < 10


def test_saint_keeps_its_slices_and_puts_rows_between():
    torch.manual_seed(0)
    net = Saint(3, width=8, blocks=1).eval()
    stack = torch.rand(5, 9, 8)
    made = net(stack)
    assert made.shape == (15, 9, 8)
    # its start is interpolation between slices
    plain_rows = made
    assert torch.allclose(plain_rows[::3], stack, atol=1e-6), "row k z is slice z"
    assert torch.allclose(plain_rows[1], stack[0] * 2 / 3 + stack[1] / 3, atol=1e-6)
    centres = torch.tensor([1.0, 3.0])
    assert net.places(centres, 2.0).tolist() == pytest.approx([1, 5 / 3, 7 / 3, 3, 11 / 3, 13 / 3])
    assert net.train()(stack).shape == (3, 15, 9, 8)


@pytest.mark.parametrize("count", [4, 7, 8])
def test_rplhr_reads_stacks_of_any_length(count):
    torch.manual_seed(0)
    net = Tvsrn(3, slices=4, width=8, heads=2, encoder=1, decoder=1, window=4)
    stack = torch.rand(count, 9, 10)
    made = net(stack)
    assert made.shape == (3 * count, 9, 10)
    # its start is interpolation between centres of slices
    assert torch.allclose(made[1::3], stack, atol=1e-6)
    torch.nn.init.normal_(net.head.weight)
    changed = stack.clone()
    changed[0] += 1
    reach = (net(changed) - net(stack)).abs().amax(dim=(1, 2)) > 1e-6
    assert reach[:12].all(), "attention runs along the slices"
    assert net.places(torch.tensor([1.0]), 3.0).tolist() == pytest.approx([0, 1, 2], abs=1e-6)


def test_rplhr_knows_where_in_a_window_a_row_stands():
    torch.manual_seed(0)
    net = Tvsrn(2, slices=4, width=8, heads=2, encoder=1, decoder=1, window=4)
    torch.nn.init.normal_(net.head.weight)
    with torch.no_grad():  # a token sees its own voxel alone, and distances weigh
        net.embed.weight[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
        for name, values in net.named_parameters():
            if "relative" in name:
                torch.nn.init.normal_(values)
    stack = torch.rand(4, 4, 4)
    swapped = [1, 0, 2, 3]
    assert not torch.allclose(net.part(stack[..., swapped]), net.part(stack)[..., swapped], atol=1e-3)


def test_watched_blocks_reach_from_one_end_to_the_other():
    blocks = WatchedBlocks([(10, 20, 30), (4, 8, 8)], rows=4, crop=8)
    corners = {number: [] for number in range(2)}
    for block in (blocks[n] for n in range(len(blocks))):
        corners[block["volume"]].append(block["corner"].tolist())
    assert corners[0][0] == [0, 0, 0] and corners[0][-1] == [6, 12, 22]
    assert {tuple(corner) for corner in corners[1]} == {(0, 0, 0)}


def test_training_stacks_of_both():
    thin = torch.arange(12.0)[:, None, None].expand(12, 4, 4)
    saint = build_slab_net({"model": "saint", "net": {"width": 4, "blocks": 1}}, 3)
    other = {"slices": 4, "width": 4, "heads": 1, "encoder": 1, "decoder": 1, "window": 4}
    rplhr = build_slab_net({"model": "rplhr", "net": other}, 3)
    assert thinned(thin, saint)[:, 0, 0].tolist() == [0, 3, 6, 9]
    assert thinned(thin, rplhr)[:, 0, 0].tolist() == [1, 4, 7, 10]
