"""The key ``read`` of the form ``radiographs``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.core.conditions import Count, between, filled
from mlmi2023.core.options import Options

Side = Annotated[int, between(16, 4096)]
Names = Annotated[list[str], filled]


class ImaGenome(Options):
    """Where the files of MIMIC-CXR and Chest ImaGenome lie below the root.

    Attributes:
        splits: folder of ``train.csv``, ``valid.csv`` and ``test.csv``.
        graphs: folder of the scene graphs.
        images: folder of MIMIC-CXR-JPG's ``p10`` to ``p19``.
        reports: folder of MIMIC-CXR's ``p10`` to ``p19``.
        radgraph: RadGraph's graphs of the same reports; without it there are no triples.
        kinds: of attributes, which count as findings.
    """

    splits: str = "chest-imagenome/silver_dataset/splits"
    graphs: str = "chest-imagenome/silver_dataset/scene_graph"
    images: str = "mimic-cxr-jpg/files"
    reports: str = "mimic-cxr/files"
    radgraph: str | None = "radgraph/MIMIC-CXR_graphs.json"
    kinds: Annotated[tuple[str, ...], filled] = (
        "anatomicalfinding", "disease", "nlp", "technicalassessment", "tubesandlines", "devices", "texture",
    )  # fmt: skip


class Read(Options):
    """How images, boxes and reports are read."""

    images: str = "images/{image}.png"
    reports: str = "reports.csv"
    boxes: str = "regions.csv"
    imagenome: ImaGenome | None = None
    size: Side | None = None
    regions: Names | None = None
    findings: Names | Count | None = None

    def wrong(self) -> str:
        """Names stand once; images have a place for theirs."""
        for key in ("regions", "findings"):
            names = getattr(self, key)
            if isinstance(names, list) and len(set(names)) < len(names):
                return f"read.{key} has a name twice"
        return "" if "{image}" in self.images else "read.images lacks {image}, where the image's name stands"
