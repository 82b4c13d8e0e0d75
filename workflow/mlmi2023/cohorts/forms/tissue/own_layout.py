"""The layout that simulators write: folders of images, nuclei, maps and pairs beside small tables."""

from pathlib import Path

from mlmi2023.cohorts.find.splits import read_table
from mlmi2023.cohorts.forms.tissue.options import Map, Nuclei, Read, Table

IMAGES, NUCLEI = "images/{subject}.png", "nuclei/{subject}.png"
MAPS, PAIRED = "maps/{name}/{{subject}}.png", "paired/{name}/{{subject}}.png"
SAMPLES, CLASSES, KINDS_OF_TISSUE = "samples.csv", "maps.csv", "tissues.csv"


def own_layout(root: Path) -> Read:
    """Return how the layout of simulators is read, as far as its folders and tables are there."""
    classes: dict[str, dict[int | str, str]] = {}
    for row in _rows(root / CLASSES):
        classes.setdefault(row["map"], {})[int(row["value"])] = row["name"]
    tissues = [row["name"] for row in _rows(root / KINDS_OF_TISSUE)]
    pairs = sorted(folder.name for folder in root.glob("paired/*") if folder.is_dir())
    columns = {"patient": "patient", "split": "split", "organ": "organ", "tissue": "tissue"}
    return Read(
        images=IMAGES,
        table=Table(file=SAMPLES, **columns),
        nuclei=Nuclei(files=NUCLEI) if (root / "nuclei").is_dir() else None,
        maps={name: Map(files=MAPS.format(name=name), classes=own) for name, own in classes.items()} or None,
        paired={name: PAIRED.format(name=name) for name in pairs} or None,
        tissues={name: name for name in tissues} or None,
    )


def _rows(file: Path) -> list[dict[str, str]]:
    return read_table(file, "config of the cohort") if file.is_file() else []
