"""CheXbert (Smit et al. 2020): BERT with a head for each of 14 findings, from its released weights.

Heads have four answers: not mentioned, present, absent, uncertain; that for "No Finding" has two.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError
from mlmi2023.papers.cxr_tokens.options import CheXbert
from mlmi2023.training.loop.device import pick_device

KINDS = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices", "No Finding",
)  # fmt: skip
ANSWERS = 4
#: word pieces, at most
LONGEST = 512


class Heads(nn.Module):
    """BERT and its heads, with the names of the release.

    Args:
        own: sizes.
        words: of the vocabulary.
    """

    def __init__(self, own: CheXbert, words: int) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=words,
            hidden_size=own.hidden,
            num_hidden_layers=own.layers,
            num_attention_heads=own.heads,
            intermediate_size=own.inner,
        )
        self.bert = BertModel(config)
        sizes = [ANSWERS] * (len(KINDS) - 1) + [2]
        self.linear_heads = nn.ModuleList(nn.Linear(own.hidden, size) for size in sizes)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Return the answer of each head, (B, 14)."""
        first = self.bert(words, attention_mask=mask).last_hidden_state[:, 0]
        return torch.stack([head(first).argmax(-1) for head in self.linear_heads], 1)


def released(own: CheXbert, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the released file, whose tensors stand under ``model_state_dict``.

    Args:
        own: where it lies.
        wanted: names and shapes.

    Raises:
        InputError: it is absent, has another checksum, cannot be read safely, or lacks a weight.
    """
    file = expand(own.path)
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; put CheXbert's weights there (task.labeller.path), or choose "
            "the labeller 'rules'"
        )
    if own.sha256:
        with open(file, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != own.sha256.lower():
            raise InputError(f"{file}: its sha256 is {found}, not {own.sha256}; get the file again")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)["model_state_dict"]
        state = {name.removeprefix("module."): value for name, value in content.items()}
    except Exception as error:  # damaged bytes can make the reader raise almost anything
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file}: no weights of CheXbert ({first[:120]}); get the file again") from error
    lost = [n for n, v in wanted.items() if n not in state or state[n].shape != v.shape]
    if lost:
        raise InputError(
            f"{file}: has no weights for {lost[0]} of these sizes; check the keys of task.labeller"
        )
    return {name: state[name] for name in wanted}


class CheXbertLabeller:
    """Reads 14 findings off reports.

    Args:
        own: where its files lie, and sizes.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: a file is missing or does not fit.
    """

    kinds: Sequence[str] = KINDS

    def __init__(self, own: CheXbert, device: str) -> None:
        from transformers import BertTokenizer

        vocabulary = expand(own.vocabulary)
        if not vocabulary.is_file():
            raise InputError(
                f"{vocabulary}: no such file; put BERT's vocab.txt there (task.labeller.vocabulary)"
            )
        self.tokenizer = BertTokenizer(str(vocabulary))
        self.batch, self.device = own.batch, pick_device(device)
        net = Heads(own, len(self.tokenizer))
        net.load_state_dict(released(own, net.state_dict()))
        self.net = net.to(self.device).eval()

    def states(self, texts: Sequence[str]) -> np.ndarray:
        """Return what is said of each finding, (n, 14): 0 nothing, 1 present, 2 absent, 3 uncertain."""
        found = []
        for start in range(0, len(texts), self.batch):
            own = [" ".join(text.split()) for text in texts[start : start + self.batch]]
            given = self.tokenizer(
                own, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
            )
            with torch.inference_mode():
                answers = self.net(
                    given["input_ids"].to(self.device), given["attention_mask"].to(self.device)
                )
            found.append(answers.cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, len(KINDS)), int)
