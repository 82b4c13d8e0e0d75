"""Make the raw data of a cohort with the module that its configuration names."""

import importlib
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic


def make_cohort(config: dict[str, Any], out: Path, threads: int) -> None:
    """Write the cohort's raw folder; it appears whole or not at all.

    Args:
        config: a cohort of kind ``simulated`` (its ``simulator`` is a module of ``simulators``) or
            ``packaged`` (its ``dataset`` is a module of ``packaged``).
        out: the raw root.
        threads: worker processes; the bytes do not depend on it.

    Raises:
        InputError: there is no such module.
    """
    key, place = ("simulator", "simulators") if config["kind"] == "simulated" else ("dataset", "packaged")
    name = config.get(key)
    try:
        module = importlib.import_module(f"mlmi2023.cohorts.sources.{place}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"mlmi2023.cohorts.sources.{place}.{name}":
            raise
        raise InputError(
            f"config of the cohort: no {key} '{name}' in mlmi2023/cohorts/sources/{place}"
        ) from error
    with atomic(out) as part:
        if key == "simulator":
            module.simulate(config, part, threads, None)
        else:
            module.export(part)
