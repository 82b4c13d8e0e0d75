"""What a method says of all exams, from the scan and from the record, and what it leaves for others."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.forms.exams.reader import Exams


class Outcome(NamedTuple):
    """What a method says of N exams.

    Attributes:
        ct: (N,) probability from the scan, NaN where missing.
        ehr: (N,) probability from the record, NaN where missing.
        pointing: (N,) 1 where the heat map points at a defect, 0 where it misses; NaN elsewhere.
        files: arrays to store, by file.
        about: what is to be known of it.
    """

    ct: np.ndarray
    ehr: np.ndarray
    pointing: np.ndarray
    files: Mapping[str, Mapping[str, np.ndarray]] = MappingProxyType({})
    about: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def empty(cls, exams: Exams) -> "Outcome":
        """Return an outcome that says nothing."""
        return cls(*np.full((3, len(exams)), np.nan))
