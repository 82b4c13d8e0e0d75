"""The key ``read`` of the form ``labelled_images``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import filled
from mlmi2023.core.options import Options


class Read(Options):
    """How images are read.

    Attributes:
        file: the archive, below the root.
        classes: names of the classes 0, 1, ... in their order.
    """

    file: Word = "images.npz"
    classes: Annotated[list[Word], filled]

    def wrong(self) -> str:
        """There is something to tell apart."""
        if len(set(self.classes)) < len(self.classes):
            return "classes has a name twice; each class needs its own"
        return "classes names one class; there must be two or more" if len(self.classes) < 2 else ""
