"""The language model: a LLaMA with or without low-rank updates (Sect. 2.2)."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from mlmi2023.core.errors import InputError
from mlmi2023.papers.radiology_llm.options import Lora, Model, Sizes
from mlmi2023.papers.radiology_llm.words import OwnWords, PublishedWords, Words
from mlmi2023.training.loop.weights import AGAIN, read_weights

VOCABULARY = "vocabulary"


class LanguageModel(nn.Module):
    """A causal language model with its words.

    A vocabulary of our own lies among the weights. Of published weights that stay as they are nothing is
    kept: its state are the updates alone.

    Args:
        model: of ``transformers``, tokens to logits.
        words: its tokenizer.
        lora: updates that are trained in the place of its weights.
        frozen: whether its weights are published ones that need not be kept.
    """

    vocabulary: Tensor

    def __init__(self, model: Any, words: Words, lora: Lora | None = None, frozen: bool = False) -> None:
        super().__init__()
        self.words = words
        self.model = with_lora(model, lora) if lora else model
        if isinstance(words, OwnWords):
            self.register_buffer(VOCABULARY, torch.from_numpy(words.stored()))
        if frozen:
            kept = {f"model.{name}" for name, p in self.model.named_parameters() if p.requires_grad}
            self.register_state_dict_post_hook(_keep(kept))
            self.register_load_state_dict_post_hook(_forgive(kept))

    def forward(self, tokens: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        """Return logits (R, L, V) of the next token.

        Args:
            tokens: (R, L).
            places: (R, L).
            mask: which token sees which, (R, 1, L, L) bool.
        """
        kind = next(p.dtype for p in self.model.parameters() if p.is_floating_point())
        least = torch.finfo(kind).min
        hidden = torch.zeros(mask.shape, dtype=kind, device=mask.device).masked_fill(~mask, least)
        answer = self.model(input_ids=tokens, position_ids=places, attention_mask=hidden, use_cache=False)
        return answer.logits  # type: ignore[no-any-return]

    @torch.inference_mode()
    def answer(self, prompts: list[list[int]], new_tokens: int, beams: int) -> list[list[int]]:
        """Return the tokens that follow prompts, without end and padding; the likeliest, found by beams.

        Prompts are padded at their left, so that all answers begin at the same place.
        """
        longest = max(map(len, prompts))
        device = next(self.model.parameters()).device
        tokens = torch.full((len(prompts), longest), self.words.pad, device=device)
        there = torch.zeros_like(tokens)
        for row, prompt in enumerate(prompts):
            tokens[row, longest - len(prompt) :] = torch.tensor(prompt, device=device)
            there[row, longest - len(prompt) :] = 1
        found = self.model.generate(
            input_ids=tokens, attention_mask=there, max_new_tokens=new_tokens, num_beams=beams,
            do_sample=False,
            pad_token_id=self.words.pad, eos_token_id=self.words.end,
        )  # fmt: skip
        return [self._until_end(row) for row in found[:, longest:].tolist()]

    def _until_end(self, tokens: list[int]) -> list[int]:
        stop = tokens.index(self.words.end) if self.words.end in tokens else len(tokens)
        return [token for token in tokens[:stop] if token != self.words.pad]

    @property
    def trained(self) -> int:
        """Number of parameters that are trained."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)


def llama(sizes: Sizes, words: int | None = None, pad: int | None = None) -> LlamaForCausalLM:
    """Return a LLaMA with random weights.

    Args:
        sizes: its sizes.
        words: tokens of the vocabulary; None: as the sizes say.
        pad: token of padding.
    """
    config = LlamaConfig(
        vocab_size=words or sizes.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.mlp,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        max_position_embeddings=sizes.length,
        pad_token_id=pad,
    )
    return LlamaForCausalLM(config)


def with_lora(model: Any, lora: Lora) -> Any:
    """Return a model whose target layers W get the update (alpha / r) B A; all else is frozen.

    B starts at 0, A is random; both have 32 bits whatever the model's weights have.

    Raises:
        InputError: no layer has a target's name.
    """
    from peft import LoraConfig, get_peft_model

    keys = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(lora.targets),  # type: ignore[arg-type]
        bias="none", task_type="CAUSAL_LM",
    )  # fmt: skip
    try:
        return get_peft_model(model, keys)
    except ValueError as error:
        raise InputError(
            f"config key lora.targets: the model has no layer {' or '.join(lora.targets)}; name its own"
        ) from error


def build(keys: Model, words: Words | None, stage: str, previous: Path | None = None) -> LanguageModel:
    """Return the network of a stage.

    Args:
        keys: of the method.
        words: of a network that starts at random; None: those of the stage before, or of published weights.
        stage: of training; updates are added in ``main``.
        previous: weights of the stage before, from which this one goes on.

    Raises:
        InputError: weights are missing, broken or of another network.
    """
    lora = keys.lora if stage == "main" else None
    if keys.pretrained is not None:
        from mlmi2023.papers.radiology_llm.published import load_folder, place_of

        model = load_folder(keys.pretrained)
        return LanguageModel(
            model,
            PublishedWords(place_of(keys.pretrained)),
            lora,
            frozen=keys.kind == "published" or lora is not None,
        )
    state = read_weights(previous) if previous is not None else {}
    if previous is not None:
        words = words_of(state, previous)
    assert words is not None
    model = llama(keys.net, len(words), words.pad)
    if previous is not None:
        own = {name.removeprefix("model."): v for name, v in state.items() if name != VOCABULARY}
        try:
            model.load_state_dict(own)
        except RuntimeError as error:
            raise InputError(f"{previous}: weights of a network of other sizes; {AGAIN}") from error
    return LanguageModel(model, words, lora)


def words_of(state: dict[str, Tensor], weights: Path) -> OwnWords:
    """Return the vocabulary among weights.

    Raises:
        InputError: there is none.
    """
    if VOCABULARY not in state:
        raise InputError(f"{weights}: holds no vocabulary; {AGAIN}")
    return OwnWords.of(state[VOCABULARY].numpy())


def _keep(kept: set[str]) -> Any:
    def hook(module: nn.Module, state: dict[str, Any], prefix: str, local: Any) -> None:
        for name in [name for name in state if name.startswith(prefix)]:
            if name.removeprefix(prefix) not in kept:
                del state[name]

    return hook


def _forgive(kept: set[str]) -> Any:
    def hook(module: nn.Module, incompatible: Any) -> None:
        lost = [name for name in incompatible.missing_keys if any(name.endswith(own) for own in kept)]
        incompatible.missing_keys[:] = lost

    return hook
