"""What a findings section says, as triples of entity, relation and location or value."""

from typing import NamedTuple

from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding, Scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.sections import in_order

#: relations, in the order in which a finding has them
RELATIONS = ("located at", "graded", "changed", "status")


class Triple(NamedTuple):
    """Entity (a kind of finding), relation (of ``RELATIONS``), and a region or value."""

    entity: str
    relation: str
    value: str


def triples(scene: Scene) -> tuple[Triple, ...]:
    """Return the triples of a scene in the order of its findings section, what is absent last."""
    found: list[Triple] = []
    for finding in in_order(scene):
        found += triples_of(finding)
    return (*found, *(Triple(kind, "status", "absent") for kind in scene.denied))


def triples_of(finding: Finding) -> list[Triple]:
    """Return the triples of one finding: every region, then grade, change and doubt where stated."""
    found = [Triple(finding.kind, "located at", region) for region in finding.regions]
    if finding.grade:
        found.append(Triple(finding.kind, "graded", finding.grade))
    if finding.change:
        found.append(Triple(finding.kind, "changed", finding.change))
    if finding.doubt:
        found.append(Triple(finding.kind, "status", "possible"))
    return found
