"""MONAI's diffusion U-Net from its options."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.networks.nets import DiffusionModelUNet
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.nets.generation.options import DiffusionUnet


class TimeUnet(nn.Module):
    """A U-Net that knows the noise level: (x_t, t, condition) -> answer, of the size of x_t.

    Args:
        keys: of :class:`~mlmi2023.nets.generation.options.DiffusionUnet`.
        size: of the image; it must halve as often as there are levels less one.
        channels: of x_t and of the answer.
        condition: channels of an image that is laid beside x_t; 0: none.
        more: further arguments of MONAI's network, such as ``cross_attention_dim``.

    Raises:
        InputError: the image does not halve so often.
    """

    def __init__(
        self,
        keys: Mapping[str, Any],
        size: Sequence[int],
        channels: int = 1,
        condition: int = 0,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        own = options(DiffusionUnet, keys, "config", "net")
        levels = len(own.channels)
        if any(side % 2 ** (levels - 1) for side in size):
            raise InputError(
                f"images of {' x '.join(map(str, size))} pixels do not halve {levels - 1} times; choose "
                f"sides that are multiples of {2 ** (levels - 1)}, or fewer levels in config key net"
            )
        self.unet = DiffusionModelUNet(
            spatial_dims=len(size),
            in_channels=channels + condition,
            out_channels=channels,
            num_res_blocks=own.blocks,
            channels=own.channels,
            attention_levels=[level in own.attention for level in range(levels)],
            norm_num_groups=own.groups,
            resblock_updown=own.resample,
            num_head_channels=own.head,
            use_flash_attention=True,
            **(more or {}),
        )

    def forward(self, noisy: Tensor, level: Tensor, condition: Tensor | None = None, **more: Any) -> Tensor:
        """Return the answer, (B, channels, *size).

        Args:
            noisy: x_t, (B, channels, *size).
            level: t, (B,).
            condition: (B, condition, *size).
            more: for MONAI's network, such as ``context`` or ``down_block_additional_residuals``.
        """
        given = noisy if condition is None else torch.cat([noisy, condition], 1)
        return self.unet(given, level, **more)  # type: ignore[no-any-return]
