"""The key ``read`` of the form ``table``; :mod:`mlmi2023.cohorts.formats.tables` says what the keys mean."""

from typing import Annotated, Any

from mlmi2023.core.conditions import Number, Share, filled
from mlmi2023.core.options import Options

Word = Annotated[str, filled]


class Read(Options):
    """How a table is read; ``max_missing``, ``instance`` and ``fields`` are those of importers."""

    file: Word | None = None
    subject: Word = "subject"
    target: Word | Annotated[list[Word], filled] = "target"
    drop: tuple[Any, ...] = ()
    missing: tuple[Any, ...] = ()
    binarise: Any = None
    classes: dict[str, Annotated[list[Any], filled]] | None = None
    max_missing: Share | None = None
    instance: Number | None = None
    fields: dict[str, Any] | None = None
