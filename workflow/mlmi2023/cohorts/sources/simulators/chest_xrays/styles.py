"""Two institutions: how often they see findings, and how they write.

``ward`` sees the sick: portable films with devices, compared with earlier ones, long reports. ``clinic`` sees
outpatients: mostly normal, short reports in other words and another order. The rates were written down before
any method was run.
"""

from typing import NamedTuple


class Style(NamedTuple):
    """An institution.

    Attributes:
        normal: share of studies without a core finding.
        rates: of each kind in a study that is not normal; those that are not core come in normal ones too.
        compared: share of findings of which the change is stated.
        doubted: share of findings, among kinds that may be doubted, that are stated as possible.
        denied: share of absent kinds that are said to be absent.
        areas: order of a findings section.
        view: with which it may begin.
        hinted: share of indications that hint at a finding.
    """

    normal: float
    rates: dict[str, float]
    compared: float
    doubted: float
    denied: float
    areas: tuple[str, ...]
    view: tuple[str, ...]
    hinted: float


STYLES: dict[str, Style] = {
    "ward": Style(
        normal=0.3,
        rates={
            "consolidation": 0.35,
            "atelectasis": 0.3,
            "edema": 0.25,
            "nodule": 0.1,
            "granuloma": 0.08,
            "hyperinflation": 0.1,
            "effusion": 0.3,
            "pneumothorax": 0.12,
            "elevated hemidiaphragm": 0.08,
            "cardiomegaly": 0.3,
            "wide mediastinum": 0.06,
            "hilar enlargement": 0.08,
            "aortic calcification": 0.12,
            "clavicle fracture": 0.05,
            "endotracheal tube": 0.18,
            "central line": 0.22,
            "pacemaker": 0.1,
            "sternotomy wires": 0.12,
        },
        compared=0.55,
        doubted=0.15,
        denied=0.8,
        areas=("devices", "lungs", "pleura", "heart", "bones"),
        view=(
            "",
            "",
            "Portable AP view of the chest.",
            "A single frontal radiograph of the chest was obtained.",
        ),
        hinted=0.7,
    ),
    "clinic": Style(
        normal=0.5,
        rates={
            "consolidation": 0.3,
            "atelectasis": 0.25,
            "edema": 0.12,
            "nodule": 0.2,
            "granuloma": 0.18,
            "hyperinflation": 0.2,
            "effusion": 0.2,
            "pneumothorax": 0.06,
            "elevated hemidiaphragm": 0.08,
            "cardiomegaly": 0.3,
            "wide mediastinum": 0.05,
            "hilar enlargement": 0.1,
            "aortic calcification": 0.15,
            "clavicle fracture": 0.05,
            "endotracheal tube": 0.01,
            "central line": 0.05,
            "pacemaker": 0.06,
            "sternotomy wires": 0.1,
        },
        compared=0.15,
        doubted=0.15,
        denied=0.6,
        areas=("heart", "lungs", "pleura", "devices", "bones"),
        view=("",),
        hinted=0.6,
    ),
}
