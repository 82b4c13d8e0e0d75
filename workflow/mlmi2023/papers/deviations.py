"""Where our implementation of a paper differs from it, as told next to its code."""

from importlib import resources

import yaml

from mlmi2023.errors import InputError


def read_deviations(paper: str) -> list[str]:
    """Return one text per entry of ``papers/<paper>/deviations.yaml``: what differs, and why.

    Raises:
        InputError: the file is missing, or an entry lacks ``what`` or ``why``.
    """
    file = resources.files(f"mlmi2023.papers.{paper}") / "deviations.yaml"
    try:
        entries = yaml.safe_load(file.read_text())
        return [f"{entry['what']} {entry['why']}" for entry in entries]
    except (FileNotFoundError, KeyError, TypeError) as error:
        raise InputError(f"{file}: must be a list of entries with 'what' and 'why' ({error!r})") from error
