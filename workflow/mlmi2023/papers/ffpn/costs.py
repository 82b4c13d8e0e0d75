"""What an image costs (Table 1, block Model): seconds of the whole way to its masks, and peak memory.

On a GPU, memory is what was allocated at most. On a CPU it is the largest sum of tensors that were alive at
once, the network's weights included; buffers inside of an operation are not seen.
"""

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WARM_UP = 3


class Alive(TorchDispatchMode):
    """Adds up the tensors that operations make, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do an operation and note what it made."""
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._note(tensor.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self._now -= self._sizes.pop(key, 0)


def costs(
    answer: Callable[[int], Any], rows: Sequence[int], net: nn.Module, device: torch.device
) -> dict[str, Any]:
    """Return ``seconds`` of each of some images, one by one, and ``memory`` in bytes.

    Args:
        answer: makes the masks of an image, from its pixels on.
        rows: images.
        net: the network.
        device: where it is.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        answer(rows[0])
        memory = torch.cuda.max_memory_allocated(device)
    else:
        weights = sum(t.untyped_storage().nbytes() for t in (*net.parameters(), *net.buffers()))
        with Alive() as alive:
            answer(rows[0])
        memory = alive.peak + weights
    for row in list(rows)[:WARM_UP]:
        answer(row)
    seconds = []
    for row in rows:
        start = _now(device)
        answer(row)
        seconds.append(_now(device) - start)
    return {"seconds": seconds, "memory": int(memory)}


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
