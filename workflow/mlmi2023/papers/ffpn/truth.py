"""What detectors learn from and what they find, per image and structure."""

from typing import NamedTuple

from torch import Tensor


class Truth(NamedTuple):
    """The structures of B images; K of them, some of which an image may lack.

    Attributes:
        there: (B, K) bool.
        coefficients: (B, K, N, 4), pixels of the network's input.
        centre: of the Fourier series, (B, K, 2).
        points: (B, K, P, 2).
        labels: (B, H, W), 0 for the background.
    """

    there: Tensor
    coefficients: Tensor
    centre: Tensor
    points: Tensor
    labels: Tensor


class Found(NamedTuple):
    """One answer for each structure of B images, by contours or by masks.

    Attributes:
        score: (B, K), 0 to 1.
        points: (B, K, P, 2), pixels of the network's input; None where masks are the answer.
        masks: (B, K, H, W) chances; None where contours are.
    """

    score: Tensor
    points: Tensor | None = None
    masks: Tensor | None = None
