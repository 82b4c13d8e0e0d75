"""The 3 x 3 x 3 convolution of registration networks, quick on the CPU too."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Below this product of the first four sizes, torch gives a lone volume to its slow kernel on the CPU.
SLOW_UP_TO = 20_480


class Conv3(nn.Conv3d):
    """A 3 x 3 x 3 convolution with zero padding of one voxel.

    On the CPU a small single volume is convolved as a batch of its two halves (with the halo they
    need), because torch has a kernel that is 5 to 10 times faster for more than one volume. The
    result is the same but for the order of sums in the gradient of the weights.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> None:
        """Make the layer."""
        super().__init__(inputs, outputs, 3, stride=stride, padding=1, bias=bias)

    def forward(self, volume: Tensor) -> Tensor:
        """(B, inputs, X, Y, Z) -> (B, outputs, X / stride, ...)."""
        batch, channels, x, y, _ = volume.shape
        stride = self.stride[0]
        lone = batch == 1 and volume.device.type == "cpu" and channels * x * y <= SLOW_UP_TO
        if not lone or x < 2 or (stride > 1 and x % (2 * stride)):
            return super().forward(volume)
        rows = -(-x // 2)  # an odd size: both halves have the middle row
        padded = F.pad(volume, (0, 0, 0, 0, 1, 1))
        halves = torch.cat((padded[:, :, : rows + 2], padded[:, :, x - rows :]))
        low, high = F.conv3d(halves, self.weight, self.bias, self.stride, (0, 1, 1)).chunk(2)
        return torch.cat((low, high[:, :, 2 * rows - x :]), dim=2)
