"""Training of all networks that write: by likelihood, by rewards, and region by region."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.metrics.rouge import rouge_l
from mlmi2023.papers.cxr_tokens.decoding import beam_search, greedy
from mlmi2023.papers.cxr_tokens.measures import consistency
from mlmi2023.papers.cxr_tokens.options import MeshedMemory
from mlmi2023.papers.cxr_tokens.studies import Studies
from mlmi2023.papers.cxr_tokens.words import BEGIN, PAD, Vocabulary, trimmed
from mlmi2023.papers.cxr_tokens.writer import RegionWriter, Writer
from mlmi2023.training.loop.optimisers import build_optimiser

#: images by number and what was written of each -> a score
Judge = Callable[[Sequence[int], Sequence[Sequence[int]]], float]


def word_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of words; padding does not count.

    Args:
        logits: (B, T, V), of the word after each of the first T.
        target: (B, T + 1), which begins with the begin.
    """
    return F.cross_entropy(logits.transpose(1, 2), target[:, 1:], ignore_index=PAD)


class Writing(pl.LightningModule):
    """Trains a writer by likelihood, teacher forcing; validation writes, and logs what the judge says.

    Args:
        net: what is trained.
        judge: scores what is written.
        measure: name under which the score is logged.
        most: words that are written in validation.
        train: the ``train`` slice of the config.
    """

    def __init__(self, net: Writer, judge: Judge, measure: str, most: int, train: Mapping[str, Any]) -> None:
        super().__init__()
        self.net: Any = net
        self.judge, self.measure, self.most, self.settings = judge, measure, most, dict(train)
        self.written: list[tuple[list[int], list[list[int]]]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        target = trimmed(batch["target"])
        return word_loss(self.net(batch["visual"], _text(batch), target[:, :-1]), target)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep what is written, the likeliest word at each step."""
        own = {key: value[0] for key, value in batch.items()}
        source = self.net.encode(own["visual"], _text(own))
        found = greedy(self.net.decoder, source, self.most)
        self.written.append((own["row"].tolist(), found.tolist()))

    def on_validation_epoch_end(self) -> None:
        """Log the score."""
        rows = [row for own, _ in self.written for row in own]
        self.log(
            self.measure, torch.tensor(self.judge(rows, [text for _, own in self.written for text in own]))
        )
        self.written = []

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)


def _text(batch: Mapping[str, Tensor]) -> Tensor | None:
    return trimmed(batch["text"]) if "text" in batch else None


class Rewarded(Writing):
    """Ends with self-critical rewards: a text by chance is worth what it gains over the likeliest one.

    The first steps learn by likelihood, which later keeps a small weight. Rewards are for language (ROUGE-L)
    and for facts.

    Args:
        net: what is trained.
        own: the method's keys.
        studies: of the run.
        states: of images by number, what the labeller says of their true reports, (N, K).
        labels: what it says of texts.
        rest: what :class:`Writing` asks for.
    """

    def __init__(
        self,
        net: Writer,
        own: MeshedMemory,
        studies: Studies,
        states: Mapping[int, np.ndarray],
        labels: Callable[[Sequence[str]], np.ndarray],
        *rest: Any,
    ) -> None:
        super().__init__(net, *rest)
        self.own, self.studies, self.states, self.labels = own, studies, states, labels

    def rewards(self, rows: Sequence[int], found: Tensor) -> np.ndarray:
        """Return the rewards of texts for language and facts, (2, B)."""
        texts = [self.studies.vocabulary.report(text) for text in found.tolist()]
        truth = np.stack([self.states[row] for row in rows])
        language = np.array([rouge_l(self.studies.reports[row], text) for row, text in zip(rows, texts)])
        return np.stack([language, consistency(self.labels(texts), truth)])

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        if self.global_step < (1 - self.own.rewarded) * int(self.settings["steps"]):
            return super().training_step(batch, batch_idx)
        source = self.net.encode(batch["visual"], None)
        target, rows = trimmed(batch["target"]), batch["row"].tolist()
        with torch.no_grad():
            drawn = greedy(self.net.decoder, source, self.most, chance=True)
            usual = greedy(self.net.decoder, source, self.most)
        gained = self.rewards(rows, drawn) - self.rewards(rows, usual)
        weighted = self.own.language * gained[0] + self.own.facts * gained[1]
        critical = reinforced(self.net.decoder, source, drawn, torch.from_numpy(weighted).to(drawn.device))
        likely = word_loss(self.net.decoder(target[:, :-1], source), target)
        return self.own.likelihood * likely + critical


def reinforced(decoder: Any, source: Any, drawn: Tensor, gained: Tensor) -> Tensor:
    """Return the loss whose gradient raises the likelihood of texts that gain, and lowers that of others.

    Args:
        decoder: that wrote them.
        source: what it looked at.
        drawn: (B, T) texts.
        gained: (B,) reward over that of the likeliest text.
    """
    begin = torch.full_like(drawn[:, :1], BEGIN)
    said = decoder(torch.cat([begin, drawn[:, :-1]], 1), source).log_softmax(-1)
    own = said.gather(-1, drawn[..., None])[..., 0]
    used = (drawn != PAD).to(own.dtype)
    return -(gained.to(own.dtype) * (own * used).sum(1) / used.sum(1).clamp_min(1)).mean()


class RegionWriting(Writing):
    """Trains choice of regions and their sentences together (RGRG)."""

    def __init__(self, net: RegionWriter, vocabulary: Vocabulary, chosen: float, *rest: Any) -> None:
        super().__init__(net, *rest)  # type: ignore[arg-type]
        self.vocabulary, self.chosen = vocabulary, chosen

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the sum of both losses."""
        tokens, target = batch["visual"], trimmed(batch["target"]).flatten(0, 1)
        choice = F.binary_cross_entropy_with_logits(self.net.chosen(tokens), batch["there"])
        own = tokens.gather(1, batch["region"][..., None].expand(-1, -1, tokens.shape[2])).flatten(0, 1)
        said = (target != PAD).any(1)
        return choice + word_loss(self.net(own[said], target[said, :-1]), target[said])

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep the reports, as numbers."""
        reports = region_reports(self.net, batch["visual"][0], self.most, 1, self.chosen, self.vocabulary)
        self.written.append((batch["row"][0].tolist(), [self.vocabulary.encode(text) for text in reports]))


def region_reports(
    net: RegionWriter, tokens: Tensor, most: int, beams: int, least: float, vocabulary: Vocabulary
) -> list[str]:
    """Return a report for each image: the sentences of its chosen regions, each sentence once.

    Args:
        net: the trained network.
        tokens: (B, R, D).
        most: words of a region.
        beams: of the search.
        least: probability above which a region is chosen.
        vocabulary: of the run.
    """
    image, region = (torch.sigmoid(net.chosen(tokens)) > least).nonzero(as_tuple=True)
    said: list[list[str]] = [[] for _ in tokens]
    if len(image):
        found = beam_search(net.decoder, net.encode(tokens[image, region]), most, beams)
        for number, text in zip(image.tolist(), found.tolist()):
            said[number] += [part.strip() for part in vocabulary.report(text).split(".") if part.strip()]
    return [" ".join(f"{sentence}." for sentence in dict.fromkeys(own)) for own in said]
