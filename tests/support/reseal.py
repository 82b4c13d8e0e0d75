"""Packed cohorts that a test changes on purpose: they get a new seal, as if they had been packed so."""

import json
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.seal import seal


def reseal(folder: Path, **changes: Any) -> None:
    """Seal the packed cohort in `folder` as it is now, with other keys in its cohort.json."""
    seal(folder, {**json.loads((folder / "cohort.json").read_text()), **changes}, "")
