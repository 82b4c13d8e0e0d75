"""A job on a few simulated eyes, networks of a few channels, and folders as published weights come in."""

from pathlib import Path
from typing import Any

import torch

from mlmi2023.core.jobs import Job
from mlmi2023.papers.clip_dr.options import ClipNet, CoOpLVT, Naive, Probe, Reader, TextSizes, Vit, ZeroShot

SIZE = 32
VISION = Vit(width=16, layers=2, heads=2, mlp=16, patch=8)
NET = ClipNet(vision=VISION, text=TextSizes(width=24, layers=2, heads=2, mlp=16, length=16), projection=8)
MODELS = {"zero_shot": ZeroShot, "probe": Probe, "naive": Naive, "cooplvt": CoOpLVT}
READER = Reader(width=16, layers=1, heads=2, mlp=16, length=24)
TRAIN = {
    "steps": 4,
    "epoch_steps": 2,
    "batch": 2,
    "learning_rate": 0.001,
    "optimiser": "adamw",
    "monitor": "val_f1",
    "mode": "max",
}


def method(model: str, **more: Any) -> Any:
    """Return options of a method."""
    own = {"hidden": (20,)} if model == "cooplvt" else {}
    return MODELS[model](kind="learned", model=model, net=NET, **own, **more)


def plain(own: Any) -> Any:
    """Return options as they stand in a config."""
    if isinstance(own, (Vit, TextSizes, ClipNet, Reader, *MODELS.values())):
        return {key: plain(value) for key, value in vars(own).items() if value is not None}
    return list(own) if isinstance(own, tuple) else own


def job(data: Path, own: Any, stage: str = "main", **task: Any) -> Job:
    """Return the job of training a method, tested on the domain ``two``."""
    task = {"kind": "grading", "targets": ["two"], "pictures": {"train": 16, "val": 8}, **task}
    return Job(
        "clip_dr", "aptos", "some", 0, data, task=task, method_options=plain(own), train=TRAIN, stage=stage
    )


def letters(folder: Path, bert: bool = False) -> None:
    """Write a tokenizer that reads letter by letter."""
    from transformers import BertTokenizer, CLIPTokenizer

    alphabet = "abcdefghijklmnopqrstuvwxyz"
    if bert:
        words = [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            *alphabet,
            *(f"##{letter}" for letter in alphabet),
        ]
        BertTokenizer(vocab={word: n for n, word in enumerate(words)}).save_pretrained(str(folder))
        return
    words = [*alphabet, *(f"{letter}</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizer(vocab={word: n for n, word in enumerate(words)}, merges=[]).save_pretrained(str(folder))


def publish_clip(folder: Path, size: int = SIZE) -> Any:
    """Write a small CLIP as published, in 16 bits; return it in 32."""
    from mlmi2023.papers.clip_dr.towers import build_clip

    torch.manual_seed(1)
    text = TextSizes(width=24, layers=2, heads=2, mlp=16, length=77, words=54)
    clip = build_clip(ClipNet(vision=VISION, text=text, projection=8), size).half()
    clip.save_pretrained(str(folder))
    letters(folder)
    return clip.float()
