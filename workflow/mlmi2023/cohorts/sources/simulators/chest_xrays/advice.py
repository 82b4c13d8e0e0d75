"""What an impression holds beside findings: the diagnoses that follow from them, and what to do.

All of it follows from the findings section alone, so that who reads only that section can write it.
"""

from typing import NamedTuple

from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding, Scene

DIAGNOSES = ("pneumonia", "heart failure", "fluid overload", "emphysema", "adenopathy")
FOLLOW_UPS = ("chest CT", "repeat radiograph", "urgent attention", "repositioning")


class Facts(NamedTuple):
    """What an impression should hold.

    Attributes:
        core: findings that it mentions.
        diagnoses: of ``DIAGNOSES``.
        follow_ups: of ``FOLLOW_UPS``.
    """

    core: tuple[Finding, ...]
    diagnoses: tuple[str, ...]
    follow_ups: tuple[str, ...]


def diagnoses_of(finding: Finding, kinds: set[str]) -> tuple[str, ...]:
    """Return what a finding means beside the other kinds that are seen."""
    if finding.kind == "consolidation":
        return ("pneumonia",)
    if finding.kind == "edema":
        return ("heart failure",) if "cardiomegaly" in kinds else ("fluid overload",)
    return {"hyperinflation": ("emphysema",), "hilar enlargement": ("adenopathy",)}.get(finding.kind, ())


def follow_ups_of(finding: Finding) -> tuple[str, ...]:
    """Return what is advised for a finding."""
    if finding.kind in ("nodule", "hilar enlargement", "wide mediastinum"):
        return ("chest CT",)
    if finding.kind == "consolidation":
        return ("repeat radiograph",)
    if finding.kind == "pneumothorax" and finding.grade != "mild":
        return ("urgent attention",)
    if finding.kind in ("endotracheal tube", "central line"):
        return ("repositioning",)
    return ()


def impression_facts(scene: Scene) -> Facts:
    """Return what the scene's impression holds; all empty for a study without acute findings."""
    kinds = {finding.kind for finding in scene.findings}
    diagnoses = {name for finding in scene.core for name in diagnoses_of(finding, kinds)}
    advised = {name for finding in scene.core for name in follow_ups_of(finding)}
    return Facts(
        scene.core,
        tuple(name for name in DIAGNOSES if name in diagnoses),
        tuple(name for name in FOLLOW_UPS if name in advised),
    )
