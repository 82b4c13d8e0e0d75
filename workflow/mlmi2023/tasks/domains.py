"""Runs across domains: three doors to a cohort, none of which shows more than its link of the chain may see.

:func:`training` for training and selection: images of all parts, labels of those that have some. The labels
of targets cannot be had there, however they are asked for. :func:`testing` for predicting: tested images, no
label. :func:`truth` for scoring: labels of tested images.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.find.domains import Parts, domain_parts
from mlmi2023.cohorts.forms.domain_images.reader import DomainImages, open_domain_images
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import keys_of
from mlmi2023.tasks.domain_options import AcrossDomains


class HiddenLabelError(Exception):
    """Code asked for a label that its link of the chain must not see."""


class Labels:
    """Labels of some rows of a cohort; those of all others are refused.

    ``labels[row]`` is one label, a grade or a map (H, W); ``labels.of(rows)`` an array of several.
    """

    def __init__(self, values: np.ndarray, rows: Iterable[int], what: str) -> None:
        self._values, self._rows, self._what = values, frozenset(int(row) for row in rows), what

    def __contains__(self, row: object) -> bool:
        """Whether the label of a row may be read."""
        return row in self._rows

    def __getitem__(self, row: int) -> Any:
        """Return the label of a row.

        Raises:
            HiddenLabelError: the row has no label here.
        """
        if int(row) not in self._rows:
            raise HiddenLabelError(f"{self._what} of row {row} is not to be seen here")
        return self._values[row]

    def of(self, rows: Iterable[int]) -> np.ndarray:
        """Return the labels of some rows, in their order.

        Raises:
            HiddenLabelError: one of the rows has no label here.
        """
        return np.array([self[row] for row in rows])


@dataclass(frozen=True)
class View:
    """What a link of the chain sees of a cohort.

    Attributes:
        parts: who trains, validates and is tested.
        names: of all images.
        domains: of all images.
        images: (N, H, W, C) uint8, read-only; rows are those of ``parts``.
        grades: of the rows whose labels may be read; empty without grades.
        maps: label maps (H, W) by name, likewise.
        classes: names of the labels 1, 2, ... of each map.
        grade_names: of the grades 0, 1, ...
    """

    parts: Parts
    names: list[str]
    domains: list[str]
    images: np.ndarray
    grades: Labels
    maps: Mapping[str, Labels]
    classes: Mapping[str, list[str]]
    grade_names: list[str]


def training(job: Job) -> View:
    """Return what training and selection may see: no label of a target but those of its shots."""
    cohort = open_domain_images(job.data)
    parts = parts_of(job, cohort)
    return _view(cohort, parts, parts.with_labels)


def testing(job: Job) -> View:
    """Return what predicting may see: no label at all."""
    cohort = open_domain_images(job.data)
    return _view(cohort, parts_of(job, cohort), ())


def truth(job: Job) -> View:
    """Return what scoring needs: labels of the tested images."""
    cohort = open_domain_images(job.data)
    parts = parts_of(job, cohort)
    return _view(cohort, parts, parts.test)


def parts_of(job: Job, cohort: DomainImages) -> Parts:
    """Return the parts of a cohort as the job's ``task`` asks.

    Raises:
        InputError: the cohort cannot serve it; see :func:`mlmi2023.cohorts.find.domains.domain_parts`.
    """
    asked = AcrossDomains(**{key: v for key, v in job.task.items() if key in keys_of(AcrossDomains)})
    return domain_parts(
        f"config of paper '{job.paper}': datasets.{job.dataset}.task",
        cohort.samples,
        asked.targets,
        asked.sources,
        val=asked.val,
        shots=asked.shots,
        draw=job.seed if asked.draw == "seed" else asked.draw,
        seed=job.seed if asked.split_seed == "seed" else asked.split_seed,
        unlabelled=asked.unlabelled,
    )


def graded(view: View, where: str) -> View:
    """Return the view.

    Raises:
        InputError: its cohort has no grades.
    """
    if not view.grade_names:
        raise InputError(f"{where}: its cohort has no grades; give its 'read' a column of grades")
    return view


def _view(cohort: DomainImages, parts: Parts, rows: Iterable[int]) -> View:
    rows = tuple(rows)
    return View(
        parts,
        [sample.name for sample in cohort.samples],
        [sample.domain for sample in cohort.samples],
        cohort.images,
        Labels(cohort.grades, rows if cohort.grade_names else (), "the grade"),
        {name: Labels(array, rows, f"the map '{name}'") for name, array in cohort.maps.items()},
        cohort.classes,
        cohort.grade_names,
    )
