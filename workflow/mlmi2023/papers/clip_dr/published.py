"""Published weights from a local folder; nothing is downloaded."""

from pathlib import Path
from typing import Any

from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError


def load_folder(kind: Any, path: str, **keys: Any) -> Any:
    """Return a model of ``transformers`` with every weight of a local folder, in 32 bits.

    CLIP is published in 16 bits, in which AdamW cannot step.

    Args:
        kind: the model's class.
        path: the folder (``~`` and ``$VARIABLES`` allowed).
        keys: for the model.

    Raises:
        InputError: there is no such folder, it is of another model, or lacks weights.
    """
    import torch

    folder = expand(path)
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: has no config.json; put the published weights there (config, weights, tokenizer), "
            "set the key 'pretrained.path' to where they are, or take 'pretrained' out to start from random "
            "weights"
        )
    try:
        model, said = kind.from_pretrained(
            str(folder), local_files_only=True, output_loading_info=True, dtype=torch.float32, **keys
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0][:160]
        raise InputError(f"{folder}: cannot be read as {kind.__name__} ({first}); get it again") from error
    lost = [*said["missing_keys"], *said.get("mismatched_keys", ())]
    if lost:
        raise InputError(f"{folder}: has no weights for {lost[0]} ({len(lost)} are missing); get it again")
    return model


def folder_of(path: str) -> Path:
    """Return where a path of the config leads."""
    return expand(path)
