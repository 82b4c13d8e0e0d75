"""Keys that networks of several kinds have in common."""

from typing import Annotated

from mlmi2023.core.conditions import filled, matching
from mlmi2023.core.options import Options

Digest = Annotated[str, matching("[0-9A-Fa-f]{64}", "give the 64 digits that sha256sum prints")]


class WeightsFile(Options):
    """A file of published weights (:func:`mlmi2023.nets.pretrained.load_pretrained`)."""

    path: Annotated[str, filled]
    sha256: Annotated[str, matching("[0-9A-Fa-f]{64}", "give the 64 digits that sha256sum prints")] | None = (
        None
    )
