"""Results for slices of many cases at once.

A batch takes slices of several cases, so that small scans fill it too. What is drawn at random for a slice
is drawn by its own key (:func:`mlmi2023.nets.generation.noise.keyed`), so that batches can be cut anywhere: a
result differs by no more than the rounding of the kernels.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

#: of a slice: its case and its number in the case
Key = tuple[str, int]


def over_slices(
    cases: Iterable[tuple[str, np.ndarray]], size: int, run: Callable[[Tensor, list[Key]], Tensor]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each case's name and results (S, ...), in order, as soon as they are there.

    Args:
        cases: name and slices (S, ...) of each, S at least 1; read only as batches need them.
        size: slices of a batch.
        run: takes slices (B, ...), float32 on the CPU, and their keys; returns a result for each, (B, ...).
    """
    waiting: list[tuple[str, int]] = []  # cases that are not complete, and their number of slices
    rows: list[np.ndarray] = []
    keys: list[Key] = []
    done: list[np.ndarray] = []

    def compute(count: int) -> None:
        batch = torch.from_numpy(np.stack(rows[:count]).astype(np.float32))
        done.extend(run(batch, keys[:count]).detach().cpu().numpy())
        del rows[:count], keys[:count]

    def complete() -> Iterator[tuple[str, np.ndarray]]:
        while waiting and len(done) >= waiting[0][1]:
            name, count = waiting.pop(0)
            yield name, np.stack(done[:count])
            del done[:count]

    for name, slices in cases:
        waiting.append((name, len(slices)))
        rows.extend(slices)
        keys.extend((name, place) for place in range(len(slices)))
        while len(rows) >= size:
            compute(size)
        yield from complete()
    if rows:
        compute(len(rows))
    yield from complete()
