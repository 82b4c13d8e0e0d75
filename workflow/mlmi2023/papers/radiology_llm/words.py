"""Texts as tokens: a small vocabulary that is learned here, or the tokenizer beside published weights."""

import string
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from mlmi2023.core.errors import InputError

#: known even where no text has them
LETTERS = string.ascii_lowercase + string.digits + string.punctuation
PAD, START, END, UNKNOWN = SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


class Words(Protocol):
    """What prompts and answers need of a tokenizer; ``pad`` is never ``end``."""

    pad: int
    start: int
    end: int

    def __len__(self) -> int:
        """Tokens of the vocabulary."""

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens, without start and end."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; special ones are left out."""


class OwnWords:
    """Byte-pair encoding in small letters, learned from texts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.pad, self.start, self.end = (tokenizer.token_to_id(name) for name in (PAD, START, END))

    @classmethod
    def learned(cls, texts: Iterable[str], size: int) -> "OwnWords":
        """Learn at most ``size`` tokens from texts."""
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r"\n"), "isolated"),
                pre_tokenizers.Metaspace(prepend_scheme="never"),
                pre_tokenizers.Punctuation("isolated"),
            ]
        )
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=[*SPECIAL], initial_alphabet=[*LETTERS], show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def of(cls, stored: np.ndarray) -> "OwnWords":
        """Return the vocabulary that :meth:`stored` has given."""
        return cls(Tokenizer.from_str(bytes(stored).decode()))

    def stored(self) -> np.ndarray:
        """Return the vocabulary as bytes, (n,) uint8, to lie among a network's weights."""
        return np.frombuffer(self.tokenizer.to_str().encode(), np.uint8).copy()

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return str(self.tokenizer.decode(list(tokens))).strip()


class PublishedWords:
    """The tokenizer that lies beside published weights."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            said = str(error).splitlines()[0][:120]
            raise InputError(
                f"{folder}: has no tokenizer that can be read ({said}); add its files"
            ) from error
        if self.tokenizer.eos_token_id is None:
            raise InputError(f"{folder}: its tokenizer has no end token, so that answers would not end")
        self.end = int(self.tokenizer.eos_token_id)
        self.start = int(self.tokenizer.bos_token_id if self.tokenizer.bos_token_id is not None else self.end)
        others = [self.tokenizer.pad_token_id, self.tokenizer.unk_token_id, *range(3)]
        self.pad = next(int(token) for token in others if token is not None and token != self.end)

    def __len__(self) -> int:
        return len(self.tokenizer)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True)).strip()
