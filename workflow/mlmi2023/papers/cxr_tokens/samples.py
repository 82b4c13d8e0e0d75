"""Samples of training and validation: images with boxes, texts to be written, regions to be written about."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_object
from mlmi2023.papers.cxr_tokens.studies import Studies
from mlmi2023.papers.cxr_tokens.words import padded, target
from mlmi2023.tasks.runs import AGAIN

#: files of predictions: vectors of regions, what a detector says of them, texts by image
TOKENS, FOUND, ANSWERS = "tokens.npy", "found.npz", "answers.json"
Item = dict[str, Tensor]


class Films(Dataset[Item]):
    """Images with the boxes and findings of their regions; ``fixed`` ones are cut in the middle."""

    def __init__(self, studies: Studies, rows: Sequence[int], fixed: bool) -> None:
        self.studies, self.rows, self.fixed = studies, list(rows), fixed

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        row = self.rows[index]
        image, boxes = self.studies.seen(row, None if self.fixed else torch.rand(2))
        findings = torch.from_numpy(np.array(self.studies.cohort.findings[row]))
        return {
            "row": torch.tensor(row),
            "image": image,
            "boxes": torch.from_numpy(boxes),
            "findings": findings,
        }


def stored_tokens(studies: Studies, folder: Path) -> np.ndarray:
    """Return the tokens (N, R, D) that a detector has left, read where they are used.

    Raises:
        InputError: there are none, or they are of another cohort.
    """
    try:
        found = np.load(folder / TOKENS, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{folder / TOKENS}: cannot be read ({error}); name a detector under 'tokens'"
        ) from error
    count = (len(studies), len(studies.cohort.regions))
    if found.ndim != 3 or found.shape[:2] != count:
        raise InputError(f"{folder / TOKENS}: has shape {found.shape}, not {(*count, 'D')}; {AGAIN}")
    return found


def stored_answers(folder: Path) -> dict[str, Any]:
    """Return texts by image that a method has left.

    Raises:
        InputError: there are none, or the file is broken.
    """
    content: dict[str, Any] = read_object(folder / ANSWERS, {"texts": dict[str, Any]}, AGAIN)["texts"]
    return content


def stored_options(folder: Path) -> dict[str, Any]:
    """Return the keys of the method that has left texts in a folder."""
    content: dict[str, Any] = read_object(folder / ANSWERS, {"options": dict[str, Any]}, AGAIN)["options"]
    return content


def mean_and_spread(tokens: np.ndarray, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (R, D) of each region's tokens over some images, float32.

    Images in which a region is missing, whose token is zero, do not count; what never changes has a deviation
    of 1, and so has a region that fewer than two images show.

    Args:
        tokens: (N, R, D).
        rows: images.
    """
    count = np.zeros((tokens.shape[1], 1))
    total, squares = np.zeros(tokens.shape[1:]), np.zeros(tokens.shape[1:])
    for start in range(0, len(rows), 512):  # float64 of a part at a time: all are gigabytes
        part = np.asarray(tokens[list(rows[start : start + 512])], np.float64)
        count += part.any(2, keepdims=True).sum(0)
        total, squares = total + part.sum(0), squares + np.square(part).sum(0)
    mean = total / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(squares / np.maximum(count, 1) - np.square(mean), 0))
    spread = np.where((spread > 1e-4 * (1 + np.abs(mean))) & (count > 1), spread, 1)
    return mean.astype(np.float32), spread.astype(np.float32)


class Eye:
    """Visual input of an image: tokens that a detector has left, or the image itself.

    A region's tokens are given their mean and deviation over training images: between regions they differ far
    more than between images, and after the projection's norm little would be left of a finding.

    Args:
        studies: of the run.
        folder: of the detector's predictions; None: the image.
    """

    def __init__(self, studies: Studies, folder: Path | None = None) -> None:
        self.studies = studies
        self.tokens = stored_tokens(studies, folder) if folder else None
        if self.tokens is not None:
            self.mean, self.spread = mean_and_spread(self.tokens, studies.rows("train"))

    def shape(self) -> tuple[int, int]:
        """Return number and width of tokens; zeros for images."""
        return (0, 0) if self.tokens is None else (self.tokens.shape[1], self.tokens.shape[2])

    def __call__(self, row: int, drawn: bool) -> Tensor:
        """Return tokens (R, D), zeros where missing, or an image (1, S, S), cut at random if ``drawn``."""
        if self.tokens is not None:
            own = np.array(self.tokens[row], np.float32)
            there = own.any(1, keepdims=True)
            return torch.from_numpy(np.where(there, (own - self.mean) / self.spread, 0).astype(np.float32))
        return self.studies.seen(row, torch.rand(2) if drawn else None)[0]


class Readings(Dataset[Item]):
    """Visual input, input text and the text to be written, each padded to one length.

    Args:
        studies: of the run.
        rows: images.
        eye: gives the visual input.
        drawn: whether these samples train.
        text: input text of an image as numbers, and its longest length; None: there is none.
        wanted: the text to be written as numbers, and its longest length.
    """

    def __init__(
        self,
        studies: Studies,
        rows: Sequence[int],
        eye: Eye,
        drawn: bool,
        text: tuple[Callable[[int], Sequence[int]], int] | None,
        wanted: tuple[Callable[[int], Sequence[int]], int],
    ) -> None:
        self.studies, self.rows, self.eye, self.drawn = studies, list(rows), eye, drawn
        self.text, self.wanted = text, wanted

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        row = self.rows[index]
        write, most = self.wanted
        item = {
            "row": torch.tensor(row),
            "visual": self.eye(row, self.drawn),
            "target": padded([target(write(row), most)], most + 2)[0],
        }
        if self.text is not None:
            ask, longest = self.text
            item["text"] = padded([ask(row)], longest)[0]
        return item


class RegionReadings(Dataset[Item]):
    """Tokens of an image, which regions something is written about, and some of these with their sentences.

    Args:
        studies: of the run.
        rows: images.
        eye: gives the tokens.
        drawn: regions of an image.
    """

    def __init__(self, studies: Studies, rows: Sequence[int], eye: Eye, drawn: int) -> None:
        self.studies, self.eye, self.drawn = studies, eye, drawn
        self.said = [studies.sentences(row) for row in rows]
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        said, row = self.said[index], self.rows[index]
        most = self.studies.task.lengths.report
        there = torch.zeros(len(self.studies.cohort.regions))
        there[list(said)] = 1
        regions = torch.zeros(self.drawn, dtype=torch.long)
        targets = padded([], most + 2).new_zeros(self.drawn, most + 2)
        if said:
            known = list(said)
            regions = torch.tensor(known)[torch.randint(len(known), (self.drawn,))]
            targets = padded([target(said[int(region)], most) for region in regions], most + 2)
        own = {"row": torch.tensor(row), "visual": self.eye(row, True), "there": there}
        return {**own, "region": regions, "target": targets}


class Stacked(Dataset[Item]):
    """Validation batches: up to ``size`` samples at once."""

    def __init__(self, samples: Dataset[Item], size: int) -> None:
        self.samples, self.size = samples, size
        self.count: int = len(samples)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def __getitem__(self, index: int) -> Item:
        places = range(index * self.size, min(self.count, (index + 1) * self.size))
        items = [self.samples[place] for place in places]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}
