"""Studies of MIMIC-CXR with the boxes and findings of Chest ImaGenome.

Images are MIMIC-CXR-JPG's, reports MIMIC-CXR's, splits and scene graphs Chest ImaGenome's (silver). A study
without a findings section, or whose graph has no box, is left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.formats.delimited import read_csv
from mlmi2023.cohorts.forms.radiographs.mimic_reports import FINDINGS, INDICATION, section, triples_of
from mlmi2023.cohorts.forms.radiographs.options import ImaGenome, Read
from mlmi2023.cohorts.forms.radiographs.study import Box, Study
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.core.json_files import read_object

PARTS = {"train": "train.csv", "val": "valid.csv", "test": "test.csv"}
COLUMNS = ["subject_id", "study_id", "dicom_id"]
GRAPH = "{dicom}_SceneGraph.json"
FIX = "get the file again"


def files_of(read: Read, root: Path) -> list[Path]:
    """Return the tables and folders that are read; their 240,000 files are not listed one by one."""
    own = read.imagenome or ImaGenome()
    tables = [root / own.splits / name for name in PARTS.values()]
    graphs = [root / own.radgraph] if own.radgraph else []
    return [*tables, *graphs, *(root / folder for folder in (own.graphs, own.images, own.reports))]


def studies(where: str, read: Read, root: Path) -> Iterator[Study]:
    """Yield the studies that can be used, split by split.

    Raises:
        InputError: a table, graph or report cannot be read.
    """
    own = read.imagenome or ImaGenome()
    graphs: dict[str, Any] = read_json(root / own.radgraph, FIX) if own.radgraph else {}
    for split, name in PARTS.items():
        for row in read_csv(root / own.splits / name, where, COLUMNS).to_dict("records"):
            patient, number, dicom = (str(row[key]) for key in COLUMNS)
            below = f"p{patient[:2]}/p{patient}/s{number}"
            report = _text(root / own.reports / f"{below}.txt")
            findings = section(report, FINDINGS)
            boxes, found, phrases = read_graph(root / own.graphs / GRAPH.format(dicom=dicom), own)
            if not findings or not boxes:
                continue
            graph = graphs.get(f"{below}.txt")
            yield Study(
                dicom,
                root / own.images / below / f"{dicom}.jpg",
                patient,
                split,
                findings,
                section(report, INDICATION),
                triples_of(graph) if graph else (),
                boxes,
                found,
                phrases,
            )


def read_graph(
    file: Path, own: ImaGenome
) -> tuple[dict[str, Box], dict[str, list[str]], dict[str, list[str]]]:
    """Return boxes, findings and phrases of a scene graph by region.

    An attribute reads ``kind|yes|name``; what is said to be absent (``no``) is no finding.

    Raises:
        InputError: the file is no scene graph.
    """
    graph = read_object(file, {"objects": list[dict[str, Any]], "attributes": list[dict[str, Any]]}, FIX)
    boxes: dict[str, Box] = {}
    found: dict[str, list[str]] = {}
    phrases: dict[str, list[str]] = {}
    try:
        for one in graph["objects"]:
            x1, y1, x2, y2 = (float(one[f"original_{side}"]) for side in ("x1", "y1", "x2", "y2"))
            if x1 < x2 and y1 < y2:
                boxes[str(one["bbox_name"])] = (x1, y1, x2, y2)
        for one in graph["attributes"]:
            region = str(one["bbox_name"])
            said = [attribute.split("|") for group in one["attributes"] for attribute in group]
            names = [name for kind, state, name in said if state == "yes" and kind in own.kinds]
            found.setdefault(region, []).extend(dict.fromkeys(names))
            texts = [" ".join(str(phrase).split()) for phrase in one.get("phrases", ())]
            phrases.setdefault(region, []).extend(dict.fromkeys(texts))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: no scene graph of Chest ImaGenome ({error!r}); {FIX}") from error
    return boxes, found, phrases


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error}); {FIX}") from error
