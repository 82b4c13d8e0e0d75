"""Images of several sites: who trains, says whether a network learns, and is tested where."""

import hashlib
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest
from mlmi2023.papers.fedicra.options import Task
from mlmi2023.papers.fedicra.weak import weak_label
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.resized import resized

#: rows of a site by part
Parts = dict[str, list[int]]


class SiteImages(Cases):
    """Images and the label map that the task names, site by site.

    Attributes:
        sites: names.
        parts: of each site, rows that ``train``, say whether a network learns (``val``), and ``test``.

    Raises:
        InputError: the cohort has no such map or other structures, a pattern fits nothing, an image or a
            patient is on two sides, or a site is too small.
    """

    together = 16

    def __init__(self, job: Job) -> None:
        self.job, self.task = job, options(Task, dict(job.task), "config", "task")
        self.cohort = open_domain_images(job.data)
        self.where = f"config of paper '{job.paper}': datasets.{job.dataset}.task"
        if self.task.map not in self.cohort.maps:
            raise InputError(
                f"{self.where}: map is '{self.task.map}'{suggest(self.task.map, list(self.cohort.maps))}"
            )
        self.classes = list(self.cohort.classes[self.task.map])
        self.structures = list(self.task.structures)
        if len(self.structures) != len(self.classes):
            raise InputError(
                f"{self.where}: structures names {len(self.structures)}, the map has "
                f"{', '.join(self.classes)}"
            )
        size = self.task.size or self.cohort.images.shape[1:3]
        self.size = (int(size[0]), int(size[1]))
        self.channels = 1 if self.task.grey else int(self.cohort.images.shape[3])
        self.sites = list(self.task.sites)
        self.parts = self._parts()

    def _parts(self) -> dict[str, Parts]:
        names = [f"{sample.domain}/{sample.name}" for sample in self.cohort.samples]
        sides: dict[str, str] = {}
        found: dict[str, Parts] = {}
        for site, own in self.task.sites.items():
            rows: Parts = {}
            for part, patterns in (("train", own.train), ("test", own.test)):
                at = f"{self.where}.sites.{site}.{part}"
                for pattern in patterns:
                    if not any(fnmatchcase(name, pattern) for name in names):
                        raise InputError(
                            f"{at}: no image fits '{pattern}'; names are such as '{names[0]}' (domain/image)"
                        )
                rows[part] = [
                    row for row, name in enumerate(names) if any(fnmatchcase(name, p) for p in patterns)
                ]
                for row in rows[part]:
                    who = self.cohort.samples[row].patient
                    if sides.setdefault(who, f"{site}.{part}") != f"{site}.{part}":
                        raise InputError(
                            f"{at}: patient '{who}' is in {sides[who]} as well; make the patterns narrower"
                        )
            found[site] = {**self._held(site, rows["train"]), "test": rows["test"]}
        return found

    def _held(self, site: str, rows: list[int]) -> Parts:
        """Return a site's training images without those of a share of its patients, and these."""
        whose = [self.cohort.samples[row].patient for row in rows]
        salt = f"{self.task.split_seed}:{site}"
        order = sorted(set(whose), key=lambda who: hashlib.sha256(f"{salt}:{who}".encode()).digest())
        count = max(1, round(self.task.val * len(order)))
        if len(order) <= count:
            raise InputError(
                f"{self.where}.sites.{site}.train: {len(order)} patient(s) cannot both train and say whether "
                "a network has learned; add some"
            )
        held = set(order[:count])
        return {
            "train": [row for row, who in zip(rows, whose) if who not in held],
            "val": [row for row, who in zip(rows, whose) if who in held],
        }

    def rows(self, part: str) -> list[int]:
        """Return the rows of a part, site by site."""
        return [row for own in self.parts.values() for row in own[part]]

    @cached_property
    def site_of(self) -> dict[int, int]:
        """Number of the site of each row that is in a part."""
        return {
            row: number
            for number, own in enumerate(self.parts.values())
            for part in own.values()
            for row in part
        }

    def name(self, row: int) -> str:
        """Return the id of an image."""
        return self.cohort.samples[row].name

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns."""
        return self.size

    def pictures(self, rows: list[int]) -> np.ndarray:
        """Return images (n, *size, channels) uint8."""
        images = np.array(self.cohort.images[rows])
        height, width = self.size
        if images.shape[1:3] != self.size:
            images = resized(images, np.zeros((0, *self.size), np.uint8), (height, width))[0]
        if self.task.grey:
            images = np.rint(images.mean(axis=3, keepdims=True)).astype(np.uint8)
        return images

    def truth(self, row: int) -> np.ndarray:
        """Return the true labels (H, W), by the nearest pixel."""
        found = np.array(self.cohort.maps[self.task.map][row])
        if found.shape != self.size:
            whole = torch.from_numpy(found)[None, None].float()
            whole = torch.nn.functional.interpolate(whole, size=list(self.size), mode="nearest-exact")
            found = whole[0, 0].byte().numpy()
        return found

    def labels(self, row: int, full: bool = False) -> np.ndarray:
        """Return what the site's raters have drawn (H, W), class + 1 or 0; or its full mask.

        It is the same for all methods and seeds.
        """
        form = "full" if full else self.task.sites[self.sites[self.site_of[row]]].label
        digest = hashlib.sha256(f"{self.task.weak.seed}:{self.name(row)}".encode()).digest()
        rng = np.random.default_rng(list(digest[:8]))
        return weak_label(self.truth(row), len(self.classes), form, self.task.weak, rng)

    def inputs(self, row: int) -> np.ndarray:
        """Return the image, (1, *size, channels) uint8."""
        return self.pictures([row])

    def prepare(self, image: Tensor) -> Tensor:
        """Return intensities between 0 and 1 (Sect. 3)."""
        return image / 255

    def samples(self, select: str, augment: object) -> None:  # type: ignore[override]
        """Refuse: sites are fed one by one, by :mod:`.samples`."""
        raise NotImplementedError("sites have samples of their own")
