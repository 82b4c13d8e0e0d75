"""Mix-FFN against its formula."""

import torch
import torch.nn.functional as F

from mlmi2023.nets.blocks.mix_ffn import MixFFN


def test_mix_ffn_adds_the_convolution_to_its_own_input():
    torch.manual_seed(0)
    ffn, x = MixFFN(4, 2), torch.randn(1, 6, 4)
    inside = ffn.widen(x)
    picture = inside.transpose(1, 2).reshape(1, 8, 2, 3)
    mixed = (
        F.conv2d(picture, ffn.mix.weight, ffn.mix.bias, padding=1, groups=8).reshape(1, 8, 6).transpose(1, 2)
    )
    expected = ffn.narrow(F.gelu(F.layer_norm(mixed + inside, (8,))))
    assert torch.allclose(ffn(x.view(1, 2, 3, 4)).flatten(1, 2), expected, atol=1e-6)
    assert not torch.allclose(ffn(x.view(1, 3, 2, 4)).flatten(1, 2), expected, atol=1e-3)
