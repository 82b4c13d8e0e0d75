"""Regions of a chest X-ray, and the kinds of finding that are seen in them."""

from typing import NamedTuple

SIDES = ("right", "left")
ZONES = ("upper", "mid", "lower")

#: regions that have a box in a picture, in a fixed order
REGIONS = (
    *(f"{side} {zone} lung" for side in SIDES for zone in ZONES),
    *(f"{side} {part}" for part in ("hilum", "costophrenic angle", "hemidiaphragm") for side in SIDES),
    *(f"{side} clavicle" for side in SIDES),
    "cardiac silhouette",
    "mediastinum",
    "trachea",
    "aortic arch",
)

GRADES = ("mild", "moderate", "severe")
CHANGES = ("new", "unchanged", "increased", "decreased")
#: of a tube or line: where its tip lies
PLACED, MISPLACED = "placed", "misplaced"


class Kind(NamedTuple):
    """A kind of finding.

    Attributes:
        regions: where it is seen; ``{side}`` and ``{zone}`` are the finding's own.
        sides: right, left, both, or one empty text for what has no side.
        zones: of a lung; one empty text for what has none.
        grades: that it may have; one empty text for what is not graded.
        changes: whether it is compared with an earlier film.
        core: whether it belongs into an impression.
        doubted: whether it may be stated as possible only.
        area: by which a findings section is ordered.
    """

    regions: tuple[str, ...]
    sides: tuple[str, ...] = ("",)
    zones: tuple[str, ...] = ("",)
    grades: tuple[str, ...] = ("",)
    changes: bool = False
    core: bool = True
    doubted: bool = False
    area: str = "lungs"


LUNG = ("{side} {zone} lung",)
BOTH = (*SIDES, "both")

KINDS: dict[str, Kind] = {
    "consolidation": Kind(LUNG, SIDES, ZONES, GRADES, changes=True, doubted=True),
    "atelectasis": Kind(LUNG, BOTH, ("lower",), changes=True),
    "edema": Kind(
        ("{side} hilum", "{side} mid lung", "{side} lower lung"), ("both",), grades=GRADES, changes=True
    ),
    "nodule": Kind(LUNG, SIDES, ZONES, doubted=True),
    "granuloma": Kind(LUNG, SIDES, ZONES, core=False),
    "hyperinflation": Kind(("{side} hemidiaphragm",), ("both",)),
    "effusion": Kind(("{side} costophrenic angle",), BOTH, grades=GRADES, changes=True, area="pleura"),
    "pneumothorax": Kind(
        ("{side} upper lung",), SIDES, grades=GRADES, changes=True, doubted=True, area="pleura"
    ),
    "elevated hemidiaphragm": Kind(("{side} hemidiaphragm",), SIDES, core=False, area="pleura"),
    "cardiomegaly": Kind(("cardiac silhouette",), grades=GRADES, changes=True, area="heart"),
    "wide mediastinum": Kind(("mediastinum",), area="heart"),
    "hilar enlargement": Kind(("{side} hilum",), SIDES, area="heart"),
    "aortic calcification": Kind(("aortic arch",), core=False, area="heart"),
    "clavicle fracture": Kind(("{side} clavicle",), SIDES, area="bones"),
    "endotracheal tube": Kind(("trachea",), grades=(PLACED, MISPLACED), area="devices"),
    "central line": Kind(
        ("{side} clavicle", "mediastinum"), SIDES, grades=(PLACED, MISPLACED), area="devices"
    ),
    "pacemaker": Kind(("{side} upper lung", "cardiac silhouette"), SIDES, core=False, area="devices"),
    "sternotomy wires": Kind(("mediastinum",), core=False, area="devices"),
}

#: kinds that reports say to be absent
DENIED = (
    "consolidation",
    "edema",
    "effusion",
    "pneumothorax",
    "cardiomegaly",
    "wide mediastinum",
    "hilar enlargement",
    "clavicle fracture",
)
#: kinds that make it wrong to call the lungs clear
UNCLEAR = ("consolidation", "atelectasis", "edema", "nodule", "granuloma")
