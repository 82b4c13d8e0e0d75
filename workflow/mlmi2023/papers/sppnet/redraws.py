"""Stability (Sect. 3.5): one trained network, the tested images, points drawn anew again and again."""

from collections.abc import Sequence

import numpy as np
import torch

from mlmi2023.papers.sppnet.model import SPPNet
from mlmi2023.papers.sppnet.source import Source

#: draws that go through the decoder at once
AT_ONCE = 50
#: first word of the random states
REDRAWN = 202


def redrawn(net: SPPNet, source: Source, row: int, count: int, seed: int) -> np.ndarray:
    """Return the Dice (count,) of an image with points drawn anew each time, at the size of masks.

    Encoder and low-level block, which see no points, run once.

    Args:
        net: ready to be used.
        source: of the images, on the same device.
        row: of the image.
        count: of draws.
        seed: of the run.
    """
    seen, target = source.seen([row], [np.random.default_rng([REDRAWN, seed, row])])
    embedding, low = net.encoder(seen.image), net.features(seen)
    true = target[0] > 0
    found: list[float] = []
    for start in range(0, count, AT_ONCE):
        part = range(start, min(start + AT_ONCE, count))
        rngs = [np.random.default_rng([REDRAWN, seed, row, number]) for number in part]
        nuclei = source.nuclei[row][None].expand(len(part), -1, -1)
        points, labels, _ = source.prompts(nuclei, rngs)
        features = None if low is None else low.expand(len(part), -1, -1, -1)
        logits = net.decode(embedding.expand(len(part), -1, -1, -1), features, points, labels)
        found += _dice(logits[:, 0] > 0, true)
    return np.array(found)


def _dice(found: torch.Tensor, true: torch.Tensor) -> Sequence[float]:
    both = (found & true).flatten(1).sum(1)
    return ((2 * both + 1) / (found.flatten(1).sum(1) + true.sum() + 1)).tolist()
