"""One image with what is known of it, whichever files it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Box = tuple[float, float, float, float]
Triple = tuple[str, str, str]


@dataclass
class Study:
    """An image and its report.

    Attributes:
        name: of the image.
        file: the image.
        patient: who it shows.
        split: train, val or test.
        report: the findings section.
        indication: why the image was taken; empty if not said.
        triples: entity, relation and value, in the order of the report.
        boxes: left, top, right and bottom of each region that has one, in pixels of the file.
        found: names of findings by region.
        phrases: sentences of the report by the region that they speak of.
    """

    name: str
    file: Path
    patient: str
    split: str
    report: str
    indication: str = ""
    triples: Sequence[Triple] = ()
    boxes: Mapping[str, Box] = field(default_factory=dict)
    found: Mapping[str, Sequence[str]] = field(default_factory=dict)
    phrases: Mapping[str, Sequence[str]] = field(default_factory=dict)
