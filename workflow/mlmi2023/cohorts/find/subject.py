"""What the chain knows of one subject of a cohort."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Record:
    """One subject and its files.

    Attributes:
        subject: id of letters and digits, without ``sub-``.
        split: ``train``, ``val``, ``test`` or ``atlas``.
        images: path of the image of each modality.
        labels: path of the label image, if there is one. In releases that keep image and labels in one
            file it is the image's path.
        truth: folder of a stand-in's truth (``derivatives/truth/sub-<id>/anat``).
    """

    subject: str
    split: str
    images: dict[str, str]
    labels: str | None
    truth: str | None

    def entry(self) -> dict[str, Any]:
        """Return the record as the first preprocessing step wants it."""
        return {**asdict(self), "mask": None, "affine_xfm": None}
