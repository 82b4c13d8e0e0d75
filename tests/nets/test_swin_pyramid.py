"""Shifts of TransMorph's encoder."""

from mlmi2023.nets.blocks.swin_pyramid import SelfAttentionEncoder, default_window, level_shapes


def test_a_level_that_is_one_window_has_no_shift():
    """Declared: Swin's rule, where TransMorph's release shifts its last level too."""
    paper = (160, 192, 224)
    assert level_shapes(paper, 4)[-1] == default_window(paper)
    shape = (64, 48, 32)
    assert level_shapes(shape, 3)[-1] == (4, 3, 2)
    net = SelfAttentionEncoder(shape, 4, (2, 2, 2), (1, 1, 1), (4, 3, 2))
    shifts = [[tuple(block.shift_size) for block in level.blocks] for level in net.levels]
    assert shifts[0] == shifts[1] == [(0, 0, 0), (2, 1, 1)]
    assert shifts[2] == [(0, 0, 0), (0, 0, 0)]
    assert net.levels[2].mask is None and net.levels[1].mask is not None
