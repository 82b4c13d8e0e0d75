"""Final weights: safetensors files and a hash that depends on the tensors alone."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic

if TYPE_CHECKING:
    import torch


def save_weights(net: "torch.nn.Module", path: Path) -> str:
    """Write the network's state dict (on CPU, contiguous) and return its hash."""
    from safetensors.torch import save_file

    state = {k: v.detach().cpu().contiguous().clone() for k, v in net.state_dict().items()}
    with atomic(path) as part:
        save_file(state, part)
    return weights_hash(state)


def load_weights(net: "torch.nn.Module", path: Path) -> None:
    """Load a file of :func:`save_weights` into ``net``, strictly.

    Raises:
        InputError: the file is broken or made for another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and train again") from error
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(
            f"{path}: weights of another network ({first}); delete it and train again"
        ) from error


def weights_hash(state: "dict[str, torch.Tensor]") -> str:
    """Return 16 hex digits over names, types, shapes and bytes in sorted order."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(dtype=_uint8()).numpy().tobytes())
    return digest.hexdigest()[:16]


def _uint8() -> "torch.dtype":
    import torch

    return torch.uint8
