"""Final weights: safetensors files and a hash that depends on the tensors alone.

The hash of weights that training wrote stands in ``train.json`` beside them. Whoever reads them compares it.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.json_files import read_object

if TYPE_CHECKING:
    import torch

AGAIN = "delete its folder and train again"


def save_weights(net: "torch.nn.Module", path: Path) -> str:
    """Write the network's state dict (on CPU, contiguous) and return its hash.

    Raises:
        InputError: a weight is not finite: training has diverged.
    """
    from safetensors.torch import save_file

    state = {k: v.detach().cpu().contiguous().clone() for k, v in net.state_dict().items()}
    if bad := _not_finite(state, {name for name, _ in net.named_parameters()}):
        raise InputError(
            f"training ended with weights that are not finite ({bad}); lower train.learning_rate, set "
            "train.clip, or use train.precision 32"
        )
    with atomic(path) as part:
        save_file(state, part)
    return weights_hash(state)


def read_weights(path: Path) -> "dict[str, torch.Tensor]":
    """Return the tensors of a file of :func:`save_weights` by name.

    Raises:
        InputError: the file is broken, or is not the one that the ``train.json`` beside it is of.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    try:
        state = load_file(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; train again") from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {AGAIN}") from error
    report = path.with_name("train.json")
    if report.exists():
        wanted, found = read_object(report, {"weights_hash": str}, AGAIN)["weights_hash"], weights_hash(state)
        if found != wanted:
            raise InputError(
                f"{path}: not the weights that train.json is of (hash {found}, not {wanted}); {AGAIN}"
            )
    return state


def load_weights(net: "torch.nn.Module", path: Path) -> None:
    """Load a file of :func:`save_weights` into ``net``, strictly: names, shapes and types are the network's.

    Raises:
        InputError: the file is broken, made for another network, or holds weights that are not finite.
    """
    state, wanted = read_weights(path), net.state_dict()
    for name in sorted(wanted.keys() | state.keys()):
        if name not in state or name not in wanted:
            said = f"{name} is in one of them alone"
        elif state[name].shape != wanted[name].shape:
            said = f"{name} is {tuple(state[name].shape)}, not {tuple(wanted[name].shape)}"
        elif state[name].dtype != wanted[name].dtype:
            said = f"{name} is {state[name].dtype}, not {wanted[name].dtype}"
        else:
            continue
        raise InputError(f"{path}: weights of another network ({said}); {AGAIN}")
    if bad := _not_finite(state, {name for name, _ in net.named_parameters()}):
        raise InputError(f"{path}: weights that are not finite ({bad}); {AGAIN}")
    net.load_state_dict(state)


def _not_finite(state: "dict[str, torch.Tensor]", parameters: set[str]) -> str:
    """Return the name of a parameter that is not finite, or an empty text; other tensors may say so."""
    names = (n for n in sorted(parameters & state.keys()) if not bool(state[n].isfinite().all()))
    return next(names, "")


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
