"""Registration networks that predict their field at half size, and skips that see the images at full size."""

import pytest
import torch

from mlmi2023.nets.blocks.upward import DirectDecoder, UpPath
from mlmi2023.nets.registration.voxelmorph import VoxelMorph

SHAPE = (16, 24, 16)


def _maps() -> list[torch.Tensor]:
    return [torch.rand(1, 4 * 2**level, *(n // 4 // 2**level for n in SHAPE)) for level in range(2)]


def test_voxelmorph_at_half_size() -> None:
    torch.manual_seed(0)
    options = {"down": (4, 8, 8), "up": (8, 8, 8), "full": (8, 6)}
    full, half = VoxelMorph(SHAPE, **options), VoxelMorph(SHAPE, **options, half_field=True)
    size = {True: sum(p.numel() for p in half.parameters()), False: sum(p.numel() for p in full.parameters())}
    # the first convolution at the field's size no longer has the two images beside it
    assert size[False] - size[True] == 27 * 2 * 8
    pair = torch.rand(2, 1, 1, *SHAPE)
    field = half(*pair)
    assert field.shape == (1, 3, *SHAPE)
    # a field of half size enlarged with aligned corners is straight between its nodes: corners are nodes
    inner = half.field(torch.ones(1, 6, *(n // 2 for n in SHAPE)))
    assert inner.shape[2:] == tuple(n // 2 for n in SHAPE)


@pytest.mark.parametrize("skip", ["pooled", "strided"])
@pytest.mark.parametrize("half", [True, False])
def test_the_direct_decoder_reaches_full_size(skip: str, half: bool) -> None:
    torch.manual_seed(0)
    decoder = DirectDecoder((4, 8), SHAPE, 4, skip, half)
    assert decoder(_maps(), *torch.rand(2, 1, 1, *SHAPE)).shape == (1, 3, *SHAPE)


def test_a_strided_skip_is_every_second_voxel_of_a_convolution_at_full_size() -> None:
    torch.manual_seed(0)
    path, images = UpPath((4, 8), "strided"), torch.rand(1, 2, *SHAPE)
    full = torch.nn.functional.conv3d(images, path.pair[0].weight, padding=1)
    assert torch.allclose(path.pair[0](path.pool(images)), full[..., ::2, ::2, ::2], atol=1e-6)
    assert path(_maps(), images).shape[2:] == tuple(n // 2 for n in SHAPE)
