"""Images and texts of a run: who learns, who validates, who is tested, and what networks see and write."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.radiographs.reader import open_radiographs
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.cxr_tokens.boxes import cropped
from mlmi2023.papers.cxr_tokens.options import Task
from mlmi2023.papers.cxr_tokens.words import SEP, Vocabulary, joined, plain, readable


class Studies:
    """Studies of a packed cohort of the form ``radiographs``.

    Attributes:
        job: of the paper.
        where: how messages name the configuration.
        task: the task's keys.
        cohort: the packed cohort.
        size: side of the square that networks see.

    Args:
        job: of the paper.

    Raises:
        InputError: the cohort is of another form, or its images are smaller than the task's size.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.where = job, f"config of paper '{job.paper}': datasets.{job.dataset}"
        self.task = options(Task, job.task, f"config of paper '{job.paper}'", f"datasets.{job.dataset}.task")
        self.cohort = open_radiographs(job.data)
        self.size = self.task.size
        if (least := int(self.cohort.shapes.min())) < self.size:
            raise InputError(
                f"{self.where}.task.size is {self.size}, and images of cohort '{self.cohort.name}' have "
                f"{least} pixels along a side; lower it, or set the cohort's key read.size"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.cohort)

    def rows(self, *parts: str) -> list[int]:
        """Return the images of some splits, in order."""
        return [int(row) for row in self.cohort.rows(*parts)]

    def watched(self) -> list[int]:
        """Return the validation images that are written about after each epoch, spread over all."""
        rows, most = self.rows("val"), self.task.val_images
        if most is None or most >= len(rows):
            return rows
        return [rows[int(place)] for place in np.linspace(0, len(rows) - 1, most)]

    def name(self, row: int) -> str:
        """Return the id of an image."""
        return self.cohort.subjects[row]

    def seen(self, row: int, draw: Tensor | None = None) -> tuple[Tensor, np.ndarray]:
        """Return an image (1, S, S) in [-1, 1] and its boxes (R, 4), NaN where a region is missing.

        Args:
            row: the image.
            draw: two numbers in [0, 1) that say where it is cut; None: in the middle.
        """
        (top, left), size = self._corner(row, draw), self.size
        pixels = np.array(self.cohort.image(row)[top : top + size, left : left + size])
        boxes = cropped(np.asarray(self.cohort.boxes[row]), top, left, size)
        return torch.from_numpy(pixels)[None].float() / 127.5 - 1, boxes

    def _corner(self, row: int, draw: Tensor | None = None) -> tuple[int, int]:
        room = [int(side) - self.size for side in self.cohort.shapes[row]]
        if draw is None:
            return room[0] // 2, room[1] // 2
        return int(float(draw[0]) * (room[0] + 1)), int(float(draw[1]) * (room[1] + 1))

    def boxes(self, rows: Sequence[int]) -> np.ndarray:
        """Return the boxes of images that are cut in the middle, (n, R, 4)."""
        own = [(np.asarray(self.cohort.boxes[row]), *self._corner(row)) for row in rows]
        return np.stack([cropped(boxes, top, left, self.size) for boxes, top, left in own])

    @cached_property
    def reports(self) -> list[str]:
        """Reports as all are compared: words with blanks between."""
        return [plain(texts.report) for texts in self.cohort.texts]

    @cached_property
    def triples(self) -> list[list[str]]:
        """The triples of each report as texts: words of entity, relation and value."""
        return [list(dict.fromkeys(plain(" ".join(t)) for t in texts.triples)) for texts in self.cohort.texts]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of training reports, indications and triples."""
        rows = self.rows("train")
        texts = [self.reports[row] for row in rows] + [self.cohort.texts[row].indication for row in rows]
        return Vocabulary(texts + [t for row in rows for t in self.triples[row]], self.task.least)

    def indication(self, row: int) -> list[int]:
        """Return the words of an image's indication as numbers."""
        return self.vocabulary.encode(self.cohort.texts[row].indication)[: self.task.lengths.indication]

    def written(self, triples: Sequence[str]) -> list[int]:
        """Return triples as numbers, with separators between (``Trp``)."""
        return joined([self.vocabulary.encode(triple) for triple in triples])

    def asked(self, row: int, triples: Sequence[str] | None) -> list[int]:
        """Return the input text as numbers: ``Ind``, or ``Ind [SEP] Trp``."""
        own = self.indication(row)
        if triples is None:
            return own
        return [*own, SEP, *self.written(triples)[: self.task.lengths.triples]]

    def longest(self, triples: bool) -> int:
        """Return the length of the longest input text that there can be."""
        lengths = self.task.lengths
        return lengths.indication + (1 + lengths.triples if triples else 0)

    def sentences(self, row: int) -> dict[int, list[int]]:
        """Return what is written about each region as numbers, of those that something is written about."""
        own = self.cohort.texts[row].phrases
        places = {region: number for number, region in enumerate(self.cohort.regions)}
        said = {places[region]: " ".join(phrases) for region, phrases in own.items()}
        return {number: self.vocabulary.encode(text) for number, text in sorted(said.items())}


def normal_report(studies: Studies, positive: np.ndarray) -> str:
    """Return a training report without positive findings: that which shares most words with its like.

    Where every report has some, those with the fewest stand for normal ones.

    Args:
        studies: of a run.
        positive: (n,) number of positive findings of each training report, in the order of rows.
    """
    rows, least = studies.rows("train"), positive.min()
    normal = [row for row, count in zip(rows, positive, strict=True) if count == least]
    texts = [studies.reports[row] for row in normal[:200]]
    sets = [set(text.split()) for text in texts]
    alike = [sum(2 * len(own & other) / max(1, len(own) + len(other)) for other in sets) for own in sets]
    return readable(texts[int(np.argmax(alike))].split())


def frequent_triples(studies: Studies) -> list[str]:
    """Return the triples that, said of every image, have the highest F1 on training images."""
    counts: dict[str, int] = {}
    rows = studies.rows("train")
    for row in rows:
        for triple in studies.triples[row]:
            counts[triple] = counts.get(triple, 0) + 1
    order = sorted(counts, key=lambda triple: (-counts[triple], triple))
    true, right, best, kept = sum(counts.values()), 0, 0.0, 0
    for number, triple in enumerate(order, 1):
        right += counts[triple]
        score = 2 * right / (number * len(rows) + true)
        if score > best:
            best, kept = score, number
    return order[:kept]
