"""Networks that grade with CLIP: zero-shot, a probe, naive fine-tuning, CoOpLVT."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import CLIPModel

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import read as read_option
from mlmi2023.papers.clip_dr.options import CoOpLVT, Method, Naive, Probe, ZeroShot
from mlmi2023.papers.clip_dr.published import folder_of, load_folder
from mlmi2023.papers.clip_dr.towers import Reader, build_clip, read, read_with, see, unit
from mlmi2023.papers.clip_dr.words import PublishedWords, Words, prompts
from mlmi2023.training.loop.weights import AGAIN, read_weights

#: options of a method that grades with CLIP
Clip = ZeroShot | Probe | Naive | CoOpLVT


class Conditioner(nn.Sequential):
    """G: image features (B, d_I) to N_p tokens of the text encoder's width, (B, N_p, d_T) (Sect. 3.2)."""

    def __init__(self, inner: int, hidden: Sequence[int], tokens: int, width: int) -> None:
        sizes = [inner, *hidden, tokens * width]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        super().__init__(*layers[:-1], nn.Unflatten(1, (tokens, width)))


class Grader(nn.Module):
    """CLIP with what a method adds to it; logits of each class.

    Args:
        own: the method's options.
        size: of images, which are square.
        grades: names of the classes in prompts I and II; None: the paper's.
    """

    def __init__(self, own: Clip, size: int, grades: Sequence[Sequence[str]] | None = None) -> None:
        super().__init__()
        self.own, self.grades = own, grades
        words: Any = Words()
        if own.pretrained:
            self.clip = load_folder(CLIPModel, own.pretrained.path)
            words = PublishedWords(folder_of(own.pretrained.path))
            wanted = self.clip.config.vision_config.image_size
            if wanted != size:
                raise InputError(
                    f"images are {size} x {size}, the published weights see {wanted} x {wanted}; set the "
                    f"cohort's 'read.size' to [{wanted}, {wanted}]"
                )
        else:
            self.clip = build_clip(own.net, size)
        # a fit leaves modes as they are, so that what has no dropout says so from the start
        self.reader = Reader(own.reader).eval() if own.reader else None
        vision, text = self.clip.config.vision_config, self.clip.config.text_config
        if self.reader is not None and self.reader.bert.config.hidden_size != vision.hidden_size:
            width = self.reader.bert.config.hidden_size
            raise InputError(
                f"config key reader.width: texts have {width} numbers, what they are compared with has "
                f"{vision.hidden_size}; make both equal"
            )
        for prompt in ("I", "II"):
            texts = prompts(prompt, grades)
            if self.reader is not None:
                ids = self.reader.words(texts, self.reader.length)
            else:
                ids = words(texts, text.max_position_embeddings)
            self.register_buffer(f"ids_{prompt}", ids, persistent=False)
        classes = len(self.ids("I"))
        self.head = nn.Linear(self.clip.projection_dim, classes) if isinstance(own, Probe) else None
        self.conditioner = (
            Conditioner(vision.hidden_size, own.hidden, own.tokens, text.hidden_size)
            if isinstance(own, CoOpLVT)
            else None
        )

    def ids(self, prompt: str = "") -> Tensor:
        """Return the numbers of the classes' texts, (K, L)."""
        return cast(Tensor, getattr(self, f"ids_{prompt or self.own.prompt}"))

    def train(self, mode: bool = True) -> "Grader":
        """Set the mode; the second text encoder is never trained with dropout."""
        super().train(mode)
        if self.reader is not None:
            self.reader.eval()
        return self

    def train_parts(self) -> list[nn.Parameter]:
        """Let only those weights learn that the paper trains, and return them (Sect. 3.1, 3.2)."""
        self.requires_grad_(False)
        parts = [self.head] if self.head is not None else [self.clip.vision_model]
        if self.head is None and self.reader is None:
            parts.append(self.clip.visual_projection)
        parts += [self.conditioner] if self.conditioner is not None else []
        for part in parts:
            part.requires_grad_(True)
        return [p for p in self.parameters() if p.requires_grad]

    @property
    def scale(self) -> Tensor:
        """The logit scale s."""
        return cast(Tensor, self.clip.logit_scale).exp()

    def see(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f_I(x), and what is compared with texts, of length 1: V, or f_I itself with a reader."""
        inner, visual = see(self.clip, x)
        return inner, unit(inner if self.reader is not None else visual)

    def texts(self, prompt: str = "") -> Tensor:
        """Return the feature of each class's text, (K, d), of length 1; they are frozen."""
        with torch.no_grad():
            ids = self.ids(prompt)
            return unit(self.reader(ids) if self.reader is not None else read(self.clip, ids))

    def own_texts(self, inner: Tensor, classes: Tensor, prompt: str = "") -> Tensor:
        """Return T^j: the text of each image's class with its own tokens (Eq. 1), (B, d), of length 1.

        Args:
            inner: f_I(x), (B, d_I).
            classes: (B,) whose prompt each image gets.
            prompt: I or II; the method's by default.
        """
        assert self.conditioner is not None and isinstance(self.own, CoOpLVT)
        ids = self.ids(prompt)[classes]
        return unit(read_with(self.clip, ids, self.conditioner(inner), self.own.place))

    def forward(self, x: Tensor, prompt: str = "") -> Tensor:
        """Return logits (B, K) of images (B, 3, H, W)."""
        inner, visual = self.see(x)
        if self.head is not None:
            return self.head(self.clip.visual_projection(inner))  # type: ignore[no-any-return]
        if self.conditioner is None:
            return self.scale * visual @ self.texts(prompt).T
        count = len(self.ids(prompt))
        classes = torch.arange(count, device=x.device)
        # each image with each class's prompt and its own tokens
        texts = self.own_texts(inner.repeat_interleave(count, 0), classes.repeat(len(x)), prompt).unflatten(
            0, (len(x), count)
        )
        return self.scale * (visual[:, None] * texts).sum(-1)


def method_of(given: Mapping[str, Any]) -> Any:
    """Return a method's options as their model."""
    return read_option(Method, {k: v for k, v in given.items() if k not in ("uses", "stages", "train")})


def load_before(net: nn.Module, path: Path | None, fresh: Sequence[str]) -> None:
    """Load the weights of the stage before into ``net``.

    Args:
        net: the network.
        path: what that stage wrote; None: nothing is loaded.
        fresh: beginnings of names of weights that begin anew.

    Raises:
        InputError: other weights are missing, or have another shape.
    """
    if path is None:
        return
    state, whole = read_weights(path), net.state_dict()
    wanted = {name: value for name, value in whole.items() if not name.startswith(tuple(fresh))}
    for name, value in wanted.items():
        if name not in state or state[name].shape != value.shape:
            raise InputError(f"{path}: weights of another network ({name}); {AGAIN}")
    net.load_state_dict({name: state[name] for name in wanted}, strict=False)
