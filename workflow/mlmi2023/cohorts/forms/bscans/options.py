"""The key ``read`` of the form ``bscans``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.images.options import Names, Side
from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import filled
from mlmi2023.core.options import Options

Variable = Annotated[str, filled]


class Read(Options):
    """How stacks are read."""

    volumes: Names
    images: Variable = "images"
    masks: Variable
    drawn: Variable | None = None
    name: Word = "foreground"
    size: tuple[Side, Side]
