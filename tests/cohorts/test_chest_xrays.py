"""The grammar of chest X-rays: text, picture and triples say what a scene says; the labeller reads it."""

import numpy as np
import pytest

from bad_inputs import said
from mlmi2023.cohorts.sources.simulators.chest_xrays import phrases
from mlmi2023.cohorts.sources.simulators.chest_xrays.advice import impression_facts
from mlmi2023.cohorts.sources.simulators.chest_xrays.labeller import (
    ABSENT,
    Statement,
    absent,
    present,
    read_advice,
    read_findings,
)
from mlmi2023.cohorts.sources.simulators.chest_xrays.render import render
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding, Scene, draw_scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.sections import (
    findings_text,
    impression_text,
    indication_text,
)
from mlmi2023.cohorts.sources.simulators.chest_xrays.styles import STYLES
from mlmi2023.cohorts.sources.simulators.chest_xrays.triples import triples
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import KINDS, REGIONS

SIZE = 96


def scenes(style, count=250, seed=7):
    rng = np.random.default_rng(seed)
    return [(draw_scene(rng, style), rng) for _ in range(count)]


def picture(*findings, seed=3):
    return render(Scene("ward", findings, ()), SIZE, np.random.default_rng(seed))


@pytest.mark.parametrize("style", STYLES)
def test_the_labeller_reads_a_findings_section_back_to_its_scene(style):
    read, wanted, denials = 0, 0, 0
    for scene, rng in scenes(style):
        statements = read_findings(findings_text(scene, rng))
        found = {tuple(s)[:1] + tuple(s)[2:] for s in statements if s.state != ABSENT}
        truth = {tuple(finding)[:5] for finding in scene.findings}
        read, wanted = read + len(found & truth), wanted + len(found | truth)
        denials += {*scene.denied} <= absent(statements)
        assert {s.kind for s in statements if s.state == "possible"} == {
            f.kind for f in scene.findings if f.doubt
        } - {"atelectasis"}
    assert read / wanted > 0.99
    assert denials == 250


@pytest.mark.parametrize("style", STYLES)
def test_the_labeller_reads_an_impression_back_to_its_facts(style):
    for scene, rng in scenes(style):
        text, facts = impression_text(scene, rng), impression_facts(scene)
        assert present(read_findings(text)) == {finding.kind for finding in facts.core}, text
        advice = read_advice(text)
        assert advice == (facts.diagnoses, facts.follow_ups, not facts.core), text


#: sentences in words that the grammar does not have
OTHERS = [
    ("No evidence of effusion; interval resolution of the left pneumothorax.", set(),
     {"effusion", "pneumothorax"}),
    ("Cardiomegaly without edema or focal infiltrate.", {"cardiomegaly"}, {"edema", "consolidation"}),
    ("No significant change in the right pleural effusion.", {"effusion"}, set()),
    ("A pneumothorax is not seen. Trace fluid, no consolidation but streaky atelectasis.", {"atelectasis"},
     {"pneumothorax", "consolidation"}),
    ("Heart size and mediastinal contours are normal, lungs are grossly clear.", set(),
     {"cardiomegaly", "wide mediastinum", "consolidation", "edema", "nodule", "atelectasis"}),
    ("The effusion has resolved. Port-a-cath in good position.", {"central line"}, {"effusion"}),
    ("1. Hyperlucent lungs. 2. 8 mm nodular density in the left apex, new.", {"hyperinflation", "nodule"},
     set()),
    ("There is no pericardial effusion.", set(), set()),
]  # fmt: skip


@pytest.mark.parametrize("text, there, gone", OTHERS)
def test_the_labeller_reads_words_that_it_was_not_made_from(text, there, gone):
    statements = read_findings(text)
    assert (present(statements), absent(statements)) == (there, gone)


def test_attributes_belong_to_the_mention_that_they_stand_beside():
    text = (
        "Small left pleural effusion, stable, and dense consolidation at the right apex which has worsened."
    )
    assert read_findings(text) == [
        Statement("effusion", "present", "left", "", "mild", "unchanged"),
        Statement("consolidation", "present", "right", "upper", "severe", "increased"),
    ]


@pytest.mark.parametrize(
    "text, diagnoses, follow_ups",
    [
        ("No evidence of pneumonia. CT is recommended.", (), ("chest CT",)),
        ("Cannot exclude CHF. Follow-up radiographs.", ("heart failure",), ("repeat radiograph",)),
    ],
)
def test_a_diagnosis_that_is_denied_is_none(text, diagnoses, follow_ups):
    assert read_advice(text)[:2] == (diagnoses, follow_ups)


def test_other_words_for_nothing_acute():
    for text in (
        "Negative for acute cardiopulmonary abnormality.",
        "No acute or active cardiac, pulmonary or pleural disease.",
        "Normal chest.",
    ):
        assert read_advice(text).nothing_acute, text
    assert not read_advice("No acute fracture. Acute process is possible.").nothing_acute


def test_diagnoses_follow_from_what_is_seen_together():
    edema, heart = Finding("edema", "both", grade="mild"), Finding("cardiomegaly", grade="mild")
    assert impression_facts(Scene("ward", (edema,), ())).diagnoses == ("fluid overload",)
    assert impression_facts(Scene("ward", (edema, heart), ())).diagnoses == ("heart failure",)
    small, large = (Finding("pneumothorax", "left", grade=grade) for grade in ("mild", "severe"))
    assert impression_facts(Scene("ward", (small,), ())).follow_ups == ()
    assert impression_facts(Scene("ward", (large,), ())).follow_ups == ("urgent attention",)
    old = edema._replace(change="unchanged")
    assert impression_facts(Scene("ward", (old,), ())) == ((), (), ())


def test_institutions_differ_in_what_they_see_and_how_they_say_it():
    counts, words = {}, {}
    for style in STYLES:
        drawn = scenes(style)
        counts[style] = np.mean([not scene.core for scene, _ in drawn])
        words[style] = [findings_text(scene, rng).lower() for scene, rng in drawn]
    assert 0.2 < counts["ward"] < 0.4 < counts["clinic"] < 0.6
    long, short = (np.mean([len(text.split()) for text in words[style]]) for style in ("ward", "clinic"))
    assert long > short + 8
    assert not any("infiltrate" in text for text in words["ward"])


def test_every_kind_is_worded_by_either_institution():
    for style in STYLES:
        assert phrases.PRESENT[style].keys() == KINDS.keys()
        for kind, wording in phrases.PRESENT[style].items():
            assert bool(wording.both) == ("both" in KINDS[kind].sides), kind
            assert bool(wording.one) == (KINDS[kind].sides != ("both",)), kind


def test_triples_name_every_region_and_what_is_absent():
    scene = Scene("ward", (Finding("effusion", "both", grade="severe", change="new"),), ("edema",))
    assert triples(scene) == (
        ("effusion", "located at", "right costophrenic angle"),
        ("effusion", "located at", "left costophrenic angle"),
        ("effusion", "graded", "severe"),
        ("effusion", "changed", "new"),
        ("edema", "status", "absent"),
    )


def test_indications_hint_at_findings_that_are_there():
    scene = Scene("ward", (Finding("pneumothorax", "left", grade="mild"),), ())
    texts = {indication_text(scene, np.random.default_rng(seed)).lower()[:-1] for seed in range(60)}
    hints, general = {*phrases.HINTS["pneumothorax"]}, {*phrases.GENERAL["ward"]}
    assert texts & hints and texts & general and texts <= hints | general


def test_boxes_lie_in_the_picture_and_hold_the_findings():
    missing = 0
    for scene, rng in scenes("ward", 40):
        image, boxes = render(scene, SIZE, rng)
        assert image.shape == (SIZE, SIZE) and image.dtype == np.uint8
        assert boxes.keys() <= {*REGIONS}
        assert {region for finding in scene.findings for region in finding.regions} <= boxes.keys()
        for left, top, right, bottom in boxes.values():
            assert 0 <= left < right <= SIZE and 0 <= top < bottom <= SIZE
        missing += len(boxes) < len(REGIONS)
    assert 0 < missing < 15, "some pictures lack a region"


@pytest.mark.parametrize(
    "finding",
    [
        Finding("consolidation", "right", "mid", "severe"),
        Finding("nodule", "left", "upper"),
        Finding("granuloma", "left", "lower"),
        Finding("effusion", "left", grade="severe"),
        Finding("atelectasis", "right", "lower"),
        Finding("hilar enlargement", "right"),
        Finding("clavicle fracture", "left"),
        Finding("endotracheal tube", grade="placed"),
        Finding("pneumothorax", "right", grade="severe"),
    ],
)
def test_a_finding_changes_its_regions_and_no_others_on_the_other_side(finding):
    """Same patient, with and without: what differs lies in the finding's regions, on its own side."""
    with_it, boxes = noiseless(finding)
    without, _ = noiseless()
    differs = np.abs(with_it.astype(int) - without) > 8
    inside = np.zeros_like(differs)
    for region in finding.regions:
        left, top, right, bottom = (round(value) for value in boxes[region])
        inside[top:bottom, left:right] = True
    assert differs[inside].sum() > 5
    columns = np.flatnonzero(differs.any(0)) / SIZE
    if finding.side == "right":
        assert columns.max() < 0.5, "the patient's right is at the left"
    elif finding.side == "left":
        assert columns.min() > 0.5


def noiseless(*findings):
    """Return the picture of one and the same patient; only what findings draw at random follows."""
    from mlmi2023.cohorts.sources.simulators.chest_xrays import anatomy, body
    from mlmi2023.cohorts.sources.simulators.chest_xrays.render import DRAWN
    from mlmi2023.cohorts.sources.simulators.chest_xrays.shapes import grid

    scene, where = Scene("ward", findings, ()), grid(SIZE, (0.0, 0.0))
    thorax = anatomy.draw_thorax(np.random.default_rng(1), scene)
    image, lungs = body.body(where, thorax, np.random.default_rng(2))
    for finding in findings:
        if finding.kind in DRAWN:
            image = DRAWN[finding.kind](image, where, thorax, finding, lungs, np.random.default_rng(3))
    return (np.clip(image, 0, 1) * 255).astype(np.uint8), anatomy.boxes_of(thorax, (0.0, 0.0), SIZE)


def test_shapes_of_the_thorax_follow_findings():
    normal = picture()[1]
    wide = picture(Finding("cardiomegaly", grade="severe"))[1]["cardiac silhouette"]
    heart = normal["cardiac silhouette"]
    assert wide[2] - wide[0] > 1.3 * (heart[2] - heart[0])
    raised = picture(Finding("elevated hemidiaphragm", "right"))[1]
    assert raised["right hemidiaphragm"][1] < normal["right hemidiaphragm"][1] - 0.05 * SIZE
    assert raised["left hemidiaphragm"] == normal["left hemidiaphragm"]


def test_the_same_seed_gives_the_same_bytes():
    first, second = (picture(Finding("edema", "both", grade="mild"), seed=9) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes() and first[1] == second[1]


def test_an_unknown_institution_is_one_line():
    assert "did you mean 'ward'" in said(lambda: draw_scene(np.random.default_rng(0), "wards"))
