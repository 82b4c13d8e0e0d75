"""Checkpoints that are whole or absent."""

from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from mlmi2023.core.files import atomic


class AtomicCheckpoints(TorchCheckpointIO):
    """Write a checkpoint beside its place and rename it: the one before stays until the new one is whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            InputError: the disk is full or read-only; the last whole checkpoint is still there.
        """
        with atomic(path) as part:
            torch.save(checkpoint, part)
