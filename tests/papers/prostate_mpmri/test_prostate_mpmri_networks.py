"""The network: weights and outputs at the paper's size, what encoders see, pooling, excitation by hand."""

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.nets import registry
from mlmi2023.papers.prostate_mpmri.blocks import CascadedPyramid, ScSE
from mlmi2023.papers.prostate_mpmri.costs import kept_for_backward
from mlmi2023.papers.prostate_mpmri.model import DospyResidualUsenet

OWN = "mlmi2023.papers.prostate_mpmri.networks"
WIDTHS = (16, 32, 64, 128)


def res(i, o):
    """Count the weights of a residual block: two convolutions, three normalisations, one of 1^3."""
    return 27 * i * o + 27 * o * o + 4 * o + (i * o + 2 * o if i != o else 0)


def scse(c, r=8):
    h = c // r
    return c * h + h + h * c + c + c + 1


def counted(inputs, widths=WIDTHS, bins=4):
    """Count the weights of the whole network, part by part, from its description."""
    encoder = sum(res(i, o) + scse(o) for i, o in zip((1, *widths), widths))
    last = widths[-1]
    share = last // bins
    pyramid = bins * (last * share + 2 * share) + (last + bins * share) * last + 2 * last
    middle = res(inputs * last, last) + scse(last) + pyramid
    up = 0
    for i, o in zip(widths[:0:-1], widths[-2::-1]):
        up += 8 * i * o + o + 2 * o + scse(o) + res((1 + inputs) * o, o) + scse(o)
    return inputs * encoder + middle + up + sum(o + 1 for o in widths)


@pytest.mark.parametrize("inputs", [1, 2, 3, 5])
def test_weights_at_the_papers_scale_are_those_of_its_description(inputs):
    found = registry.count_weights({"name": "dospy_residual_usenet"}, inputs, 1, (96, 96, 96), OWN)
    assert found == counted(inputs)


def test_four_outputs_while_it_trains_and_one_thereafter():
    with torch.device("meta"):
        net = DospyResidualUsenet(5, 1, (96, 96, 96))
        images = torch.zeros(1, 5, 96, 96, 96)
        assert [tuple(o.shape[1:]) for o in net(images)] == [(1, s, s, s) for s in (96, 48, 24, 12)]
        assert tuple(net.eval()(images).shape) == (1, 1, 96, 96, 96)
        assert len(DospyResidualUsenet(1, 1, (96,) * 3, deep=False).heads) == 1


def small(inputs=2, **keys):
    torch.manual_seed(0)
    own = {"features": (4, 8), "reduction": 2, "bins": (2, 1), **keys}
    return DospyResidualUsenet(inputs, 1, (8, 8, 8), **own)


def test_each_image_has_an_encoder_of_its_own_and_all_reach_every_output():
    net = small().train()
    images = torch.randn(1, 2, 8, 8, 8, requires_grad=True)
    seen = []
    for encoder in net.encoders:
        encoder.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    outputs = net(images)
    assert [torch.equal(own[:, 0], images[:, k]) for k, own in enumerate(seen)] == [True, True]
    for output in outputs:
        (slope,) = torch.autograd.grad(output.square().sum(), images, retain_graph=True)
        assert slope[:, 0].abs().sum() > 0 and slope[:, 1].abs().sum() > 0
    # no weight is shared between encoders
    places = [{p.data_ptr() for p in encoder.parameters()} for encoder in net.encoders]
    assert not places[0] & places[1]


def test_the_decoder_is_as_wide_whatever_the_number_of_inputs():
    for count in (1, 3):
        net = small(count)
        assert [up[0].out_channels for up in net.up] == [4]
        assert net.decode[0][0].conv2.out_channels == 4 and net.decode[0][0].conv1.in_channels == 4 * (
            1 + count
        )
        assert net.fuse[0].conv1.in_channels == 8 * count


def test_excitation_weighs_channels_and_places_and_adds_both():
    block = ScSE(2, 1)
    x = torch.arange(16.0).view(1, 2, 2, 2, 2)
    for p in block.parameters():
        torch.nn.init.zeros_(p)
    assert torch.equal(block(x), x)  # half and half
    block.spatial.bias.data[:] = 40.0
    assert torch.allclose(block(x), 1.5 * x)
    block.spatial.bias.data[:] = -40.0
    block.channel.fc[2].bias.data[:] = torch.tensor([40.0, -40.0])
    assert torch.allclose(block(x)[:, 0], x[:, 0]) and block(x)[:, 1].abs().max() < 1e-6


def test_the_pyramid_is_cascaded_and_leaves_slices_apart():
    block = CascadedPyramid(4, (3, 2, 1)).eval()
    x = torch.randn(1, 4, 5, 6, 6)
    fine, middle, coarse = block.pooled(x)
    assert [p.shape[-1] for p in (fine, middle, coarse)] == [3, 2, 1]
    assert torch.allclose(fine[0, 0, 0, 0, 0], x[0, 0, 0, :2, :2].mean())
    # cells of the second level are means of cells of the first, which overlap in the middle
    assert torch.allclose(middle[0, 0, 0, 0, 0], fine[0, 0, 0, :2, :2].mean())
    direct = torch.nn.functional.adaptive_avg_pool2d(x[0, 0], 2)
    assert not torch.allclose(middle[0, 0], direct, atol=1e-3)
    other = x.clone()
    other[:, :, 3] += 1.0
    before, after = block(x), block(other)
    assert torch.equal(before[:, :, [0, 1, 2, 4]], after[:, :, [0, 1, 2, 4]])
    assert not torch.equal(before[:, :, 3], after[:, :, 3]) and before.shape == x.shape


def test_parts_can_be_left_out():
    without = {"all": {}, "scse": {"attention": "none"}, "bins": {"bins": ()}}
    count = {name: sum(p.numel() for p in small(**keys).parameters()) for name, keys in without.items()}
    assert count["all"] - count["scse"] == 2 * (scse(4, 2) + scse(8, 2)) + scse(8, 2) + 2 * scse(4, 2)
    assert count["all"] - count["bins"] == 2 * (8 * 4 + 8) + 16 * 8 + 16
    assert isinstance(small(deep=False).train()(torch.randn(1, 2, 8, 8, 8)), torch.Tensor)


def test_sizes_that_do_not_fit_are_one_line():
    with pytest.raises(InputError, match="multiples of 8"):
        registry.build({"name": "dospy_residual_usenet"}, 1, 1, (20, 24, 24), OWN)


def test_memory_grows_with_inputs_and_measuring_changes_nothing():
    kept = []
    for inputs in (1, 3):
        net = small(inputs).eval()
        before = {k: v.clone() for k, v in net.state_dict().items()}
        kept.append(kept_for_backward(net, inputs, (8, 8, 8)))
        assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()) and not net.training
    # at least the maps of two more encoders: two convolutions of 4 channels each
    assert kept[1] - kept[0] > 2 * 2 * 4 * 8**3 * 4 / 2**20
    assert np.isfinite(kept).all()
