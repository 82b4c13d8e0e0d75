"""Facts, simulated raters, leaks, and the rules in ChatGPT's place."""

import math

import numpy as np
import pytest

from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import draw_scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.sections import findings_text, impression_text
from mlmi2023.metrics.rouge import rouge_l
from mlmi2023.papers.radiology_llm.facts import agreement, facts_of, readable
from mlmi2023.papers.radiology_llm.general import TASKS, document, lesson, medical_words
from mlmi2023.papers.radiology_llm.leaks import leaked
from mlmi2023.papers.radiology_llm.raters import (
    CRITERIA,
    RATERS,
    coherence,
    conciseness,
    rating,
    ratings,
    relevance,
    scores,
    utility,
)
from mlmi2023.papers.radiology_llm.verbose import summary

FINDINGS = (
    "There is patchy consolidation in the right lower lobe. There is a small left pleural effusion. "
    "A calcified granuloma is noted in the left upper lobe. No pneumothorax. The heart size is normal."
)
REFERENCE = (
    "Patchy right lower lobe consolidation, likely pneumonia. Repeat radiograph is recommended. Small left "
    "pleural effusion."
)
NORMAL = "No acute cardiopulmonary process."
CLEAR = "The lungs are clear. No pleural effusion or pneumothorax. The heart size is normal."
SEEN, WANTED = facts_of(FINDINGS), facts_of(REFERENCE)


def test_facts_of_a_text():
    assert WANTED.items == {"consolidation right", "effusion left", "pneumonia", "repeat radiograph"}
    assert "granuloma" in SEEN.kinds and {"pneumothorax", "cardiomegaly"} <= SEEN.absent
    assert facts_of(NORMAL).items == {"nothing acute"} and facts_of(NORMAL).normal and not WANTED.normal


def test_agreement_by_hand():
    answer = facts_of("Right lower lobe consolidation. Right pleural effusion. Mild cardiomegaly.")
    precision, recall, f1 = agreement(WANTED, answer)
    assert (precision, recall, f1) == (pytest.approx(1 / 3), pytest.approx(1 / 4), pytest.approx(2 / 7))
    assert agreement(WANTED, facts_of(""))[:2] == (0, 0), "a swapped side is wrong, and silence too"
    assert math.isnan(agreement(facts_of("Comparison is made."), answer)[2])


def test_readable_sentences_state_something_once():
    assert readable(REFERENCE) == 1
    assert (
        readable("Small left pleural effusion. Small left pleural effusion. The the of. Blue lamp.") == 0.25
    )
    assert readable("") == 0


def test_criteria_by_hand():
    restated = facts_of("Right consolidation. Left effusion. Left upper lobe granuloma. No pneumothorax.")
    assert relevance(SEEN, WANTED, restated, 0.25) == 1
    assert relevance(SEEN, WANTED, WANTED, 0.25) == pytest.approx(2 / 2.25), "what is left out costs a little"
    assert relevance(SEEN, WANTED, facts_of(NORMAL), 0.25) == 0
    assert coherence(SEEN, WANTED, WANTED) == 1
    wrong = facts_of("Left consolidation. No effusion. Emphysema. Small left pleural effusion at the base.")
    # side swapped; the effusion stated as present counts as present: 1 of 3 holds
    assert coherence(SEEN, WANTED, wrong) == pytest.approx(1 / 3)
    assert coherence(SEEN, WANTED, facts_of(NORMAL)) == 0, "nothing acute contradicts the findings"
    assert coherence(facts_of(CLEAR), facts_of(NORMAL), facts_of(NORMAL)) == 1
    long = f"{REFERENCE} {FINDINGS}"
    share = 1.25 * len(REFERENCE.split()) / len(long.split())
    assert conciseness(REFERENCE, long, WANTED, facts_of(long)) == pytest.approx(share)
    assert conciseness(REFERENCE, NORMAL, WANTED, facts_of(NORMAL)) == 0.5
    half = facts_of("Right consolidation. Left effusion.")
    assert utility(WANTED, half, 1.0) == pytest.approx(2 * 2 / (4 + 2))
    assert utility(WANTED, half, 2.0) == pytest.approx(2 * 2 / (6 + 2)), "advice weighs more"
    assert utility(facts_of(NORMAL), facts_of(NORMAL), 1.0) == 1


def test_ratings_are_from_1_to_5_blind_and_the_same_twice():
    best, worst = ratings(FINDINGS, REFERENCE, REFERENCE), ratings(FINDINGS, REFERENCE, "")
    assert ratings(FINDINGS, REFERENCE, REFERENCE) == best and tuple(best) == CRITERIA
    assert all(best[name] >= 4 for name in CRITERIA) and all(worst[name] <= 1.5 for name in CRITERIA)
    drawn = [rating(0.5, RATERS[0], str(n)) for n in range(400)]
    assert np.mean(drawn) == pytest.approx(3, abs=0.1) and len(set(drawn)) > 1
    assert min(rating(0.0, RATERS[1], str(n)) for n in range(50)) == 1


def test_rules_restate_all_and_are_longer_and_less_useful_than_the_reference():
    rng = np.random.default_rng(5)
    seen, words, useful = [], [], []
    for _ in range(60):
        scene = draw_scene(rng, "ward")
        findings, reference = findings_text(scene, rng), impression_text(scene, rng)
        answer = summary(findings)
        assert facts_of(answer).kinds == facts_of(findings).kinds
        seen.append(scores(findings, reference, answer, RATERS[0])["relevance"])
        words.append(len(answer.split()) - len(reference.split()))
        useful.append(scores(findings, reference, answer, RATERS[0])["clinical_utility"])
    assert np.mean(seen) > 0.95 and np.mean(words) > 15 and 0.2 < np.mean(useful) < 0.9


def test_a_run_of_one_training_patient_is_a_leak():
    own = "one two three four five six"
    reports = [
        ("a", "alpha beta gamma delta epsilon."),
        ("b", "one two three four zeta"),
        ("c", own),
        ("d", own),
    ]
    answers = ["Alpha, beta gamma delta", "two three four five", "nothing of it at all"]
    findings = ["", "", ""]
    assert leaked(answers, findings, reports, 4) == [True, False, False], "two patients say the second"
    assert leaked(answers[:1], ["x alpha beta gamma delta"], reports, 4) == [False], "asked about"
    assert leaked(answers, findings, reports, 5) == [False] * 3


def test_rouge_l_by_hand():
    # the longest common subsequence of 4 and 5 words is "no acute process"
    assert rouge_l("no new acute process", "No acute process is seen") == pytest.approx(2 * 3 / (4 + 5))


def test_general_language_knows_the_words_and_no_impression():
    rng = np.random.default_rng(0)
    lessons = [lesson(rng) for _ in range(200)]
    texts = [document(rng) for _ in range(200)]
    assert {"infiltrate", "hyperexpanded", "malpositioned", "radiograph"} <= {*medical_words()}
    assert len({one.instruction.split()[0] for one in lessons}) >= len({*TASKS})
    assert all(one.answer and one.text for one in lessons)
    whole = " ".join([*texts, *(part for one in lessons for part in one)]).lower()
    assert "impression" not in whole and "radiology report" not in whole
