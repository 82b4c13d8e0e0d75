"""The key ``read`` of the form ``exams``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.core.conditions import Count, Name, filled
from mlmi2023.core.options import Options


class Read(Options):
    """How exams are read."""

    hu_offset: float = 0.0
    size: tuple[Count, Count] | None = None
    parts: Annotated[list[Name], filled] | None = None
