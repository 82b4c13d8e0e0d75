"""Make a stand-in cohort with the simulator that its configuration names."""

import importlib
from pathlib import Path
from typing import Any

from mlmi2023.errors import InputError
from mlmi2023.files import atomic


def make_cohort(config: dict[str, Any], out: Path, threads: int) -> None:
    """Write the cohort's BIDS folder; it appears whole or not at all.

    Args:
        config: a cohort of kind ``simulated``.
        out: the BIDS root.
        threads: worker processes; the bytes do not depend on it.

    Raises:
        InputError: there is no such simulator.
    """
    name = config["simulator"]
    try:
        simulator = importlib.import_module(f"mlmi2023.cohorts.simulators.{name}")
    except ModuleNotFoundError as error:
        raise InputError(
            f"config of the cohort: no simulator '{name}' in mlmi2023/cohorts/simulators"
        ) from error
    with atomic(out) as part:
        simulator.simulate(config, part, threads, None)
