"""The sections of a report: findings, impression and indication, in an institution's words."""

from collections.abc import Iterable, Sequence

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays import phrases
from mlmi2023.cohorts.sources.simulators.chest_xrays.advice import diagnoses_of, follow_ups_of
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding, Scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.styles import STYLES
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import GRADES, KINDS, UNCLEAR

#: kinds that an impression names first
FIRST = ("pneumothorax", "endotracheal tube", "central line", "wide mediastinum", "edema", "consolidation")
#: share of reports that say the lungs are clear where they may; that join heart and mediastinum
CLEAR, JOINED = 0.5, 0.5
#: share of impressions that number their sentences
NUMBERED = 0.3


def in_order(scene: Scene) -> list[Finding]:
    """Return findings in the order in which the institution's findings section states them."""
    areas = STYLES[scene.style].areas
    return sorted(scene.findings, key=lambda finding: areas.index(KINDS[finding.kind].area))


def findings_text(scene: Scene, rng: np.random.Generator) -> str:
    """Word a findings section: all findings, and what is denied, area by area."""
    own = STYLES[scene.style]
    said: dict[str, list[str]] = {area: [] for area in own.areas}
    for finding in in_order(scene):
        said[KINDS[finding.kind].area].append(_stated(finding, scene.style, rng))
    for area, sentence in _denials(scene, rng):
        said[area].append(sentence)
    return _text([_pick(rng, own.view), *(sentence for area in own.areas for sentence in said[area])])


def impression_text(scene: Scene, rng: np.random.Generator) -> str:
    """Word an impression: core findings with what they mean and what is advised, the urgent first."""
    if not scene.core:
        return _text([_pick(rng, phrases.NORMAL[scene.style])])
    kinds = {finding.kind for finding in scene.findings}
    rank = {kind: place for place, kind in enumerate(FIRST)}
    sentences: list[str] = []
    advised: set[str] = set()
    for finding in sorted(scene.core, key=lambda one: rank.get(one.kind, len(rank))):
        noun = phrases.NOUNS[finding.kind]
        text = _filled(noun, finding, scene.style, rng)
        meaning = [_pick(rng, phrases.MEANING[scene.style][name]) for name in diagnoses_of(finding, kinds)]
        sentence = f"possible {text}" if finding.doubt else text
        sentences.append("".join([_changed(finding, sentence), *meaning]))
        for name in follow_ups_of(finding):
            if name in advised:
                continue
            advised.add(name)
            sentences.append(_pick(rng, phrases.ADVISED[scene.style][name]))
    if len(scene.core) > 1 and rng.random() < NUMBERED:
        return _numbered(sentences)
    return _text(sentences)


def indication_text(scene: Scene, rng: np.random.Generator) -> str:
    """Word a request, which may hint at one of the findings."""
    hinting = [finding.kind for finding in scene.findings if finding.kind in phrases.HINTS]
    if hinting and rng.random() < STYLES[scene.style].hinted:
        return _text([_pick(rng, phrases.HINTS[_pick(rng, hinting)])])
    return _text([_pick(rng, phrases.GENERAL[scene.style])])


def _changed(finding: Finding, noun: str) -> str:
    """An impression states a change before the noun."""
    return f"{finding.change} {noun}" if finding.change else noun


def _stated(finding: Finding, style: str, rng: np.random.Generator) -> str:
    if finding.doubt:
        name = "nodular opacity" if finding.kind == "nodule" else finding.kind
        where = "on the {side}" if finding.kind == "pneumothorax" else "in the {place}"
        text = _pick(rng, phrases.DOUBTED[style]).replace("{name}", name).replace("{where}", where)
        return _filled(text, finding, style, rng)
    wording = phrases.PRESENT[style][finding.kind]
    text = _filled(_pick(rng, wording.both if finding.side == "both" else wording.one), finding, style, rng)
    return text + (_pick(rng, phrases.COMPARED[style][finding.change]) if finding.change else "")


def _filled(text: str, finding: Finding, style: str, rng: np.random.Generator) -> str:
    """Fill a wording's fields; words of a grade that is none vanish."""
    grades = phrases.GRADED.get(finding.kind)
    grade = grades[GRADES.index(finding.grade)] if grades else ""
    side = "bilateral" if finding.side == "both" else finding.side
    place = ""
    if finding.zone:
        place = _pick(rng, phrases.PLACES[style][finding.zone]).format(side=finding.side)
    if finding.kind == "atelectasis" and finding.side == "both":
        place = "bibasilar"
    lying = phrases.LYING.get(finding.kind, {}).get(finding.grade, ("",))
    filled = text.format(
        g=grade, ly=f"{grade}ly", side=side, place=place, placed=_pick(rng, lying), name=finding.kind
    )
    return " ".join(filled.split())


def _denials(scene: Scene, rng: np.random.Generator) -> Iterable[tuple[str, str]]:
    """Yield the area and sentence of what is said to be absent; every denied kind once."""
    style, denied = scene.style, list(scene.denied)
    absent = phrases.ABSENT[style]
    may_be_clear = not any(finding.kind in UNCLEAR for finding in scene.findings)
    if may_be_clear and {"consolidation", "edema"} <= {*denied} and rng.random() < CLEAR:
        denied = [kind for kind in denied if kind not in ("consolidation", "edema")]
        yield "lungs", _pick(rng, absent["clear"])
    if {"cardiomegaly", "wide mediastinum"} <= {*denied} and rng.random() < JOINED:
        denied = [kind for kind in denied if kind not in ("cardiomegaly", "wide mediastinum")]
        yield "heart", _pick(rng, absent["silhouette"])
    if "edema" in denied and rng.random() < 0.5:
        denied.remove("edema")
        yield "lungs", _pick(rng, absent["edema"])
    listed = [kind for kind in denied if kind in phrases.ABSENT_NOUNS[style]]
    for group in _groups(listed, rng):
        nouns = [_pick(rng, phrases.ABSENT_NOUNS[style][kind]) for kind in group]
        listing = nouns[0] if len(nouns) == 1 else f"{', '.join(nouns[:-1])} or {nouns[-1]}"
        area = KINDS[group[0]].area
        yield area, _pick(rng, phrases.NONE_OF[style]).format(list=listing)
    for kind in denied:
        if kind not in listed:
            yield KINDS[kind].area, _pick(rng, absent[kind])


def _groups(kinds: Sequence[str], rng: np.random.Generator) -> list[list[str]]:
    """Cut a list into runs, each of which becomes one sentence."""
    groups: list[list[str]] = []
    for kind in kinds:
        if groups and rng.random() < 0.6:
            groups[-1].append(kind)
        else:
            groups.append([kind])
    return groups


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[0].upper()}{text[1:]}."


def _text(sentences: Iterable[str]) -> str:
    return " ".join(_sentence(sentence) for sentence in sentences if sentence)


def _numbered(sentences: Sequence[str]) -> str:
    return " ".join(f"{number}. {_sentence(text)}" for number, text in enumerate(sentences, 1))
