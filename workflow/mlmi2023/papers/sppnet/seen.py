"""What networks see of a batch."""

from typing import NamedTuple

from torch import Tensor


class Seen(NamedTuple):
    """Images and points of a batch.

    Attributes:
        image: (B, 3, 4 S, 4 S), normalised; of the encoder.
        low: (B, 3, S, S), the same, smaller.
        points: (B P, 2, 2), x and y in the encoder's image, from 0 at the centre of its first pixel; the P
            pairs of an image lie side by side.
        labels: (B P, 2): 1 a nucleus, 0 background.
    """

    image: Tensor
    low: Tensor
    points: Tensor
    labels: Tensor
