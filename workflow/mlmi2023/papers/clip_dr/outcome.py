"""What predictions leave behind, for scores and figures."""

from pathlib import Path

from mlmi2023.tasks.classification import Stored, read_answers

#: how much texts move with the images
TEXTS = "texts.npz"


def stored(predictions: Path, setting: str = "") -> Stored:
    """Return the answers of one setting."""
    return next(own for own in read_answers(predictions) if own.setting == setting)
