"""Which sentences of a report speak of which regions, as Chest ImaGenome's phrases do."""

import re

from mlmi2023.cohorts.sources.simulators.chest_xrays.labeller import read_findings
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import KINDS, REGIONS, SIDES, ZONES

ENDS = re.compile(r"(?<=[.?!])\s+")


def regions_of(kind: str, scene: Scene) -> tuple[str, ...]:
    """Return the regions in which a kind is seen or, where it is absent, those in which it would be."""
    finding = scene.find(kind)
    if finding is not None:
        return finding.regions
    names = {
        name.format(side=side, zone=zone) for name in KINDS[kind].regions for side in SIDES for zone in ZONES
    }
    return tuple(region for region in REGIONS if region in names)


def phrases_of(scene: Scene, report: str) -> dict[str, list[str]]:
    """Return the sentences of a scene's report by the regions that they speak of."""
    found: dict[str, list[str]] = {}
    for sentence in ENDS.split(report):
        spoken = {region for said in read_findings(sentence) for region in regions_of(said.kind, scene)}
        for region in REGIONS:
            if region in spoken:
                found.setdefault(region, []).append(sentence)
    return found
