"""Efficient attention, Mix-FFN and ISCF against plain formulas; sizes and numbers of weights."""

import pytest
import torch
import torch.nn.functional as F

from mlmi2023.core.errors import InputError
from mlmi2023.nets import registry
from mlmi2023.papers.skin_transformer.attention import EfficientAttention
from mlmi2023.papers.skin_transformer.iscf import ISCF, ContextMix
from mlmi2023.papers.skin_transformer.model import SkinTransformer

SMALL = {"name": "skin_transformer", "widths": [8, 12, 16], "blocks": [1, 1, 1]}
OWN = "mlmi2023.papers.skin_transformer.networks"


def build_net(options, channels, size):
    return registry.build(options, channels, 1, size, OWN)


def count_weights(options):
    return registry.count_weights(options, 3, 1, (224, 224), OWN)


def small(seed=0, **more):
    torch.manual_seed(seed)
    return build_net({**SMALL, **more}, 3, (32, 32))


def test_efficient_attention_is_attention_in_another_order():
    torch.manual_seed(0)
    layer, x = EfficientAttention(6), torch.randn(2, 10, 6)
    q, k, v = layer.queries(x), layer.keys(x), layer.values(x)
    weights = F.softmax(q, dim=-1) @ F.softmax(k, dim=1).transpose(1, 2)  # (B, N, N), as Eq. 1 would have it
    assert torch.allclose(weights.sum(-1), torch.ones(2, 10), atol=1e-6)
    attended, context, queries = layer(x)
    assert torch.allclose(attended, layer.project(weights @ v), atol=1e-6)
    assert context.shape == (2, 6, 6) and torch.allclose(queries.sum(-1), torch.ones(2, 10), atol=1e-6)
    swapped = F.softmax(q, dim=1) @ F.softmax(k, dim=-1).transpose(1, 2)
    assert not torch.allclose(attended, layer.project(swapped @ v), atol=1e-3)


def test_contexts_are_weighed_by_their_means_and_mixed():
    torch.manual_seed(0)
    mix, contexts = ContextMix(3), torch.randn(2, 3, 4, 4)
    factors = mix.factors(contexts.mean((2, 3)))
    kernel, bias = mix.mix.weight[0, :, 0, 0], mix.mix.bias[0]
    expected = torch.einsum("n,bn,bnij->bij", kernel, factors, contexts) + bias
    assert torch.allclose(mix(contexts), expected, atol=1e-6)
    assert float(factors.min()) > 0 and float(factors.max()) < 1


@pytest.mark.parametrize("scales", [(1, 2, 3), (1, 2), (1,), (3,)])
def test_iscf_by_the_formula(scales):
    torch.manual_seed(0)
    widths, grids = (4, 6, 8), ((4, 4), (2, 2), (1, 1))
    fusion = ISCF(widths, scales)
    maps = [torch.randn(2, w, *g) for w, g in zip(widths, grids)]
    added = fusion(maps, [], [])
    assert set(added) == set(scales)
    contexts, queries = [], {}
    for n in scales:
        x = fusion.into[str(n)](maps[n - 1]) if n < 3 else maps[2]
        tokens = x.flatten(2).transpose(1, 2)
        own = fusion.attention[str(n)]
        keys = torch.softmax(own.keys(tokens), 1)
        contexts.append(torch.einsum("bni,bnj->bij", keys, own.values(tokens)))
        queries[n] = torch.softmax(own.queries(tokens), 2)
    fused = fusion.mix(torch.stack(contexts, 1))
    for n in scales:
        y = torch.einsum("bni,bij->bjn", queries[n], fused).reshape(2, 8, *grids[n - 1])
        expected = fusion.out[str(n)](y) if n < 3 else y
        assert torch.allclose(added[n], expected, atol=1e-5) and added[n].shape == maps[n - 1].shape


def test_reused_contexts_are_the_blocks_own():
    torch.manual_seed(0)
    fusion = ISCF((4, 6, 8), (1, 3), "reuse")
    contexts = [torch.randn(1, w, w) for w in (4, 6, 8)]
    queries = [torch.softmax(torch.randn(1, n, w), 2) for n, w in ((16, 4), (4, 6), (1, 8))]
    maps = [torch.randn(1, w, s, s) for w, s in ((4, 4), (6, 2), (8, 1))]
    into, out = fusion.into["1"], fusion.out["1"]
    wide = into.rows(into.columns(contexts[0]).transpose(1, 2)).transpose(1, 2)
    fused = fusion.mix(torch.stack([wide, contexts[2]], 1))
    added = fusion(maps, contexts, queries)
    assert torch.allclose(added[3].flatten(2), (queries[2] @ fused).transpose(1, 2), atol=1e-6)
    back = out.rows(out.columns(fused).transpose(1, 2)).transpose(1, 2)
    assert torch.allclose(added[1].flatten(2), (queries[0] @ back).transpose(1, 2), atol=1e-6)
    assert not hasattr(fusion, "attention")


def test_iscf_changes_the_answer_only_where_it_is_switched_on():
    image = torch.randn(2, 3, 32, 32)
    plain, joined = small(scales=[]), small(scales=[1, 2, 3])
    shared = {name: value for name, value in joined.state_dict().items() if not name.startswith("iscf")}
    plain.load_state_dict(shared)
    with torch.no_grad():
        before = joined(image)
        assert not torch.allclose(plain(image), before, atol=1e-5)
        for name, value in joined.iscf.named_parameters():
            if name.startswith(("out", "mix.mix")):
                value.zero_()
        # the mix of no context is nothing, so nothing is added at any stage
        assert torch.allclose(plain(image), joined(image), atol=1e-6)


@pytest.mark.parametrize("more", [{}, {"contexts": "reuse"}, {"scales": [1]}, {"scales": []}, {"ffns": 1}])
def test_every_weight_is_used(more):
    net = small(**more)
    net(torch.randn(2, 3, 32, 32)).square().mean().backward()
    unused = [name for name, p in net.named_parameters() if p.grad is None]
    assert not unused


def test_shapes_and_what_does_not_fit():
    net = small()
    with torch.no_grad():
        assert net(torch.randn(1, 3, 32, 48)).shape == (1, 1, 32, 48)
    with pytest.raises(ValueError, match="does not divide by 16"):
        net(torch.randn(1, 3, 40, 40))
    grey = build_net({**SMALL}, 1, (32, 32))
    assert grey(torch.randn(1, 1, 32, 32)).shape == (1, 1, 32, 32)
    for more, message in (({"scales": [4]}, "stages 1 to 3"), ({"contexts": "old"}, "recompute or reuse")):
        with pytest.raises(InputError, match=message):
            small(**more)
    with pytest.raises(InputError, match="did you mean 'fat_net'"):
        build_net({"name": "fatnet"}, 3, (32, 32))


def unused_in_the_release():
    """Return how many weights the release holds that nothing calls, from its layers' sizes."""

    def linear(a, b):
        return a * b + b

    # the deepest decoder layer joins no skip: its two linear layers and norm
    decoder = linear(512, 512) + linear(1024, 512) + 2 * 512
    # the bridge's three attentions have a last projection each, and there are three norms
    bridge = 3 * linear(512, 512) + 3 * 2 * 512
    # cross-attention in the last decoder layer: norms, projection 128 -> 256, a Mix-FFN 256 -> 512
    ffn = linear(256, 512) + linear(512, 256) + 512 * 9 + 512 + 3 * 2 * 512
    cross = 2 * 128 + linear(128, 256) + 2 * 2 * 256 + ffn
    # two more norms in each of the encoder's twelve Mix-FFNs
    norms = sum(2 * 2 * (2 * 2 * 4 * width) for width in (128, 320, 512))
    return decoder + bridge + cross + norms


def test_numbers_of_weights_at_the_papers_size():
    ours = count_weights({"name": "skin_transformer"})
    assert (ours + unused_in_the_release()) * 1e-6 == pytest.approx(23.43, abs=0.005)
    assert ours == 21_485_021
    plain = count_weights({"name": "skin_transformer", "scales": []})
    iscf = 2 * (128 + 320) * 512 + 2 * 512 + 128 + 320 + 9 * (512 * 512 + 512) + 2 * (3 * 3 + 3) + 3 + 1
    assert ours - plain == iscf
    # one Mix-FFN less per block, each of norm, two linear layers, convolution and norm
    once = count_weights({"name": "skin_transformer", "ffns": 1})
    each = [2 * d + 2 * 4 * d * d + 4 * d + d + 4 * d * 9 + 4 * d + 2 * 4 * d for d in (128, 320, 512)]
    assert ours - once == 2 * sum(each)


@pytest.mark.parametrize(
    ("name", "millions", "share"),
    [("transunet", 105.28, 1e-3), ("fat_net", 28.75, 0.015), ("swin_unet", 27.17, 1e-3)],
)
def test_numbers_of_weights_of_the_baselines(name, millions, share):
    assert count_weights({"name": name}) / 1e6 == pytest.approx(millions, rel=share)


def test_fat_net_joins_both_encoders():
    torch.manual_seed(0)
    sizes = {"widths": [4, 8, 8, 16], "depths": [1] * 4, "hidden": 12, "layers": 1}
    net = build_net({"name": "fat_net", **sizes}, 3, (32, 32))
    answer = net(torch.randn(2, 3, 32, 32))
    assert answer.shape == (2, 1, 32, 32)
    answer.square().mean().backward()
    for weight in (net.patches.weight, net.position, net.cnn.conv1.weight, net.weigh.weigh[0].weight):
        assert float(weight.grad.abs().sum()) > 0
    with pytest.raises(InputError, match="does not divide by 16"):
        build_net({"name": "fat_net"}, 3, (40, 40))
    assert isinstance(small(), SkinTransformer)
