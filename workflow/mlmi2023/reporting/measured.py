"""The metrics of a paper: the tidy file, held against what the paper declares."""

from pathlib import Path

import pandas as pd

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest
from mlmi2023.core.tidy import read_metrics
from mlmi2023.reporting.reported import Reported


def measured(path: str | Path, reported: Reported) -> pd.DataFrame:
    """Read ``metrics.csv`` of a paper.

    Raises:
        InputError: it is no tidy file, or has a dataset or method that the paper does not declare.
    """
    frame = read_metrics(path)
    for column, known in (("dataset", reported.datasets), ("method", reported.methods)):
        for name in frame[column].unique():
            if name not in known:
                row = int((frame[column] == name).to_numpy().argmax()) + 1
                said = f"{column} {name!r} is none of {reported.slug}{suggest(name, [*known])}"
                raise InputError(f"{path}: row {row}: {said}; delete the file and run again")
    return frame
