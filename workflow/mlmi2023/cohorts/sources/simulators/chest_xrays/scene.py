"""A scene: what is to be seen in one chest X-ray, and what its report says is absent."""

from typing import NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays.styles import STYLES
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import (
    CHANGES,
    DENIED,
    GRADES,
    KINDS,
    MISPLACED,
    PLACED,
    REGIONS,
    SIDES,
)
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

#: share of edemas in which the heart is large, and in which there is fluid
WITH_EDEMA = {"cardiomegaly": 0.6, "effusion": 0.5}
#: shares of grades, mild first, and of tubes that are placed well
GRADED, WELL_PLACED = (0.5, 0.3, 0.2), 0.7


class Finding(NamedTuple):
    """One thing to be seen.

    Attributes:
        kind: a key of ``KINDS``.
        side: right, left, both or empty.
        zone: of the lung; empty where the kind has none.
        grade: mild, moderate, severe; of a tube whether it is placed well; or empty.
        change: against an earlier film; empty if not compared.
        doubt: whether it is stated as possible only.
    """

    kind: str
    side: str = ""
    zone: str = ""
    grade: str = ""
    change: str = ""
    doubt: bool = False

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions in which it is seen, in the order of ``REGIONS``."""
        sides = SIDES if self.side == "both" else (self.side,)
        found = {
            name.format(side=side, zone=self.zone) for name in KINDS[self.kind].regions for side in sides
        }
        return tuple(region for region in REGIONS if region in found)

    @property
    def core(self) -> bool:
        """Whether an impression mentions it: what is old and mild is left out, as is a tube placed well."""
        old = self.change == "unchanged" and self.grade == "mild"
        return KINDS[self.kind].core and not old and self.grade != PLACED


class Scene(NamedTuple):
    """What there is to see, and what the report says is not there.

    Attributes:
        style: the institution.
        findings: in the order of kinds.
        denied: kinds that the findings section says are absent.
    """

    style: str
    findings: tuple[Finding, ...]
    denied: tuple[str, ...]

    @property
    def core(self) -> tuple[Finding, ...]:
        """Findings that the impression mentions; none in a normal study."""
        return tuple(finding for finding in self.findings if finding.core)

    def find(self, kind: str) -> Finding | None:
        """Return the finding of a kind, if there is one."""
        return next((finding for finding in self.findings if finding.kind == kind), None)


def draw_scene(rng: np.random.Generator, style: str) -> Scene:
    """Draw a scene as an institution sees it.

    Args:
        rng: decides all of it.
        style: a key of ``STYLES``.

    Raises:
        InputError: an unknown institution.
    """
    if style not in STYLES:
        raise InputError(f"unknown style '{style}' of chest X-rays{suggest(style, list(STYLES))}")
    normal = rng.random() < STYLES[style].normal
    while True:
        findings = _findings(rng, style, normal)
        if normal == (not any(finding.core for finding in findings)):
            break
    present = {finding.kind for finding in findings}
    absent = [kind for kind in DENIED if kind not in present]
    denied = tuple(kind for kind in absent if rng.random() < STYLES[style].denied)
    # a report says at least one thing
    return Scene(style, findings, denied if denied or findings else tuple(absent[:2]))


def _findings(rng: np.random.Generator, style: str, normal: bool) -> tuple[Finding, ...]:
    """A normal study keeps what no impression mentions: incidental kinds, tubes placed well, what is old."""
    rates = STYLES[style].rates
    chosen = {kind for kind in KINDS if rng.random() < rates[kind]}
    chosen |= {kind for kind, rate in WITH_EDEMA.items() if "edema" in chosen and rng.random() < rate}
    found = tuple(draw_finding(rng, kind, style) for kind in KINDS if kind in chosen)
    return tuple(finding for finding in found if not (normal and finding.core))


def draw_finding(rng: np.random.Generator, kind: str, style: str) -> Finding:
    """Draw side, zone, grade, change and doubt of a kind."""
    about, own = KINDS[kind], STYLES[style]
    change = str(rng.choice(CHANGES)) if about.changes and rng.random() < own.compared else ""
    share = {GRADES: GRADED, (PLACED, MISPLACED): (WELL_PLACED, 1 - WELL_PLACED)}.get(about.grades)
    return Finding(
        kind,
        str(rng.choice(about.sides)),
        str(rng.choice(about.zones)),
        str(rng.choice(about.grades, p=share)),
        change,
        about.doubted and not change and bool(rng.random() < own.doubted),
    )
