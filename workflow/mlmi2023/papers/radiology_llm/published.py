"""Published language models from a local folder, in 4, 8, 16 or 32 bits; nothing is downloaded."""

import importlib.util
from pathlib import Path
from typing import Any

from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError
from mlmi2023.papers.radiology_llm.options import Published


def place_of(keys: Published) -> Path:
    """Return where a model lies."""
    return expand(keys.path)


def load_folder(keys: Published) -> Any:
    """Return a causal language model with every weight of a local folder.

    Raises:
        InputError: there is no such folder, it lacks weights, or 4 or 8 bits cannot be had here.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder = place_of(keys)
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: has no config.json; put the published model there (config, weights, tokenizer), or "
            "set the key 'pretrained.path' to where it is"
        )
    more: dict[str, Any] = {"dtype": {16: torch.bfloat16, 32: torch.float32}.get(keys.bits, torch.bfloat16)}
    if keys.bits < 16:
        more["quantization_config"] = _few_bits(keys.bits)
    try:
        model, said = AutoModelForCausalLM.from_pretrained(
            str(folder), local_files_only=True, output_loading_info=True, **more
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0][:160]
        raise InputError(f"{folder}: cannot be read as a language model ({first}); get it again") from error
    lost = [*said["missing_keys"], *said.get("mismatched_keys", ())]
    if lost:
        raise InputError(f"{folder}: has no weights for {lost[0]} ({len(lost)} are missing); get it again")
    if keys.bits < 16:
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model)
    return model


def _few_bits(bits: int) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise InputError(
            f"config key pretrained.bits is {bits}, which needs a CUDA GPU and the package bitsandbytes; "
            "install it, or set 16"
        )
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
