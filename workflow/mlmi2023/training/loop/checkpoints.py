"""Checkpoints that are whole or absent, and hold no code: tensors and plain values alone.

A results folder may be passed on, and a pickle can run whatever its maker likes. So what is loaded is what
``torch.load(weights_only=True)`` takes, and what is saved is made so.
"""

import pickle
import shutil
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.options import read
from mlmi2023.core.values import Mistake

#: What Lightning needs to go on, and of which type.
PARTS = {
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
    "state_dict": dict[str, Any],
    "loops": dict[str, Any],
    "callbacks": dict[str, Any],
    "optimizer_states": list[Any],
    "lr_schedulers": list[Any],
}
_PLAIN = (torch.Tensor, torch.nn.Parameter, bool, int, float, str, bytes, type(None))
_SAFE_TYPES = (torch.Size, torch.dtype, torch.device)


class AtomicCheckpoints(TorchCheckpointIO):
    """Write a checkpoint beside its place and rename it: the one before stays until the new one is whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``, as plain values alone.

        Raises:
            InputError: the disk is full or read-only; the last whole checkpoint is still there.
            TypeError: it holds an object that could not be loaded without running code.
        """
        content = plain(checkpoint)
        with atomic(path) as part:
            torch.save(content, part)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: Any = True) -> Any:
        """Read a checkpoint; nothing in it is run, whatever the caller asks for."""
        return load_checkpoint(Path(path), map_location)


def plain(value: Any, at: str = "checkpoint") -> Any:
    """Return ``value`` with numbers and arrays of NumPy as plain numbers and tensors.

    Raises:
        TypeError: it holds anything but tensors, numbers, texts and plain containers; the line says where.
    """
    kind = type(value)
    if kind in _PLAIN or isinstance(value, _SAFE_TYPES):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return torch.from_numpy(value.copy())
    if kind in (dict, OrderedDict, Counter):  # steps at which a rate falls are counted
        made = kind({key: plain(item, f"{at}.{key}") for key, item in value.items()})
        vars(made).update(vars(value)) if kind is OrderedDict else None  # a state dict has its versions there
        return made
    if kind in (list, tuple, set):
        return kind(plain(item, f"{at}[{number}]") for number, item in enumerate(value))
    raise TypeError(f"{at} is a {kind.__module__}.{kind.__name__}; keep plain values in checkpoints")


def load_checkpoint(path: Path, map_location: Any = "cpu") -> Any:
    """Return what a checkpoint holds.

    Raises:
        InputError: it is broken, or holds more than tensors and plain values, which is not run.
    """
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: holds something other than tensors and plain values and was not opened"
        ) from error
    except Exception as error:  # damaged bytes can make the unpickler raise almost anything
        raise InputError(f"{path}: broken checkpoint ({type(error).__name__})") from error


def resumable(path: Path, wanted: dict[str, torch.Tensor], epochs: int) -> int:
    """Return the full epochs behind a rolling checkpoint, 0 without one.

    One that a training cannot go on from is said and removed: the training begins anew.

    Args:
        path: ``last.ckpt``; the checkpoint of the best epoch, if any, lies beside it.
        wanted: state of the module that is trained.
        epochs: of the whole training.
    """
    if not path.exists():
        return 0
    try:
        return _checked(path, wanted, epochs)
    except InputError as error:
        print(f"{error}: train from the start", flush=True)
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return 0


def _checked(path: Path, wanted: dict[str, torch.Tensor], epochs: int) -> int:
    content = load_checkpoint(path)
    try:
        read(dict[str, Any], content)
        for part, kind in PARTS.items():
            if part not in content:
                raise Mistake(f"it has no {part}")
            try:
                read(kind, dict(content[part]) if type(content[part]) is OrderedDict else content[part])
            except Mistake as mistake:
                raise mistake.within(part) from None
    except Mistake as mistake:
        raise InputError(f"{path}: broken checkpoint ({mistake.line().partition(';')[0]})") from None
    done = content["epoch"] + 1
    if not 1 <= done <= epochs:
        raise InputError(f"{path}: a checkpoint after {done} epochs of a training of {epochs}")
    state = content["state_dict"]
    for name in wanted.keys() | state.keys():
        if name not in state or name not in wanted or state[name].shape != wanted[name].shape:
            raise InputError(f"{path}: a checkpoint of another network ({name} differs)")
    for callback in content["callbacks"].values():
        _check_best(path, callback)
    return int(done)


def _check_best(path: Path, callback: Any) -> None:
    """Check what the callback that keeps the best epoch says: the file must be there, in this folder."""
    best = callback.get("best_model_path") if isinstance(callback, dict) else None
    if best and callback.get("monitor"):
        if Path(callback.get("dirpath") or "").absolute() != path.parent.absolute():
            raise InputError(f"{path}: a checkpoint that was moved, which has lost the best epoch")
        load_checkpoint(Path(best))
