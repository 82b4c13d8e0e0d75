"""Make the raw data of a cohort with the module that its configuration names."""

import importlib
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic


def make_cohort(config: dict[str, Any], out: Path, threads: int) -> None:
    """Write the cohort's raw folder; it appears whole or not at all.

    Args:
        config: a cohort of kind ``simulated`` (its ``simulator`` is a folder of ``simulators``) or
            ``packaged`` (its ``dataset`` is a module of ``packaged``).
        out: the raw root.
        threads: worker processes; the bytes do not depend on it.

    Raises:
        InputError: there is no such module.
    """
    simulated = config["kind"] == "simulated"
    key, place = ("simulator", "simulators") if simulated else ("dataset", "packaged")
    name = config.get(key)
    own = f"mlmi2023.cohorts.sources.{place}.{name}"
    module_name = f"{own}.cohort" if simulated else own
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name not in (own, module_name):
            raise
        raise InputError(
            f"config of the cohort: no {key} '{name}' in mlmi2023/cohorts/sources/{place}"
        ) from error
    with atomic(out) as part:
        if simulated:
            module.simulate(config, part, threads)
        else:
            module.export(part)
