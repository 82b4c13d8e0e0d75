"""What is told next to a paper's code: where we differ from it, and what we make of claims that fail."""

from importlib import resources

import yaml

from mlmi2023.core.errors import InputError


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


def read_findings(paper: str) -> dict[str, str]:
    """Return, by claim id, why a claim may not have reproduced, from ``papers/<paper>/findings.yaml``.

    The file is optional; its texts explain verdicts and never replace one.

    Raises:
        InputError: the file is no mapping of claim ids to texts.
    """
    file = resources.files(f"mlmi2023.papers.{paper}") / "findings.yaml"
    if not file.is_file():
        return {}
    found = yaml.safe_load(file.read_text()) or {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InputError(f"{file}: must map claim ids to a text each")
    return {str(claim): text for claim, text in found.items()}
