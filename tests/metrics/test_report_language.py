"""Language scores against values worked out by hand."""

import math

import pytest

from bad_inputs import said
from mlmi2023.metrics.report_language import bleu, meteor


def test_bleu_by_hand():
    found, truth = ["the heart is large ."], ["the heart is normal ."]
    scores = bleu(found, truth)
    assert scores[1] == pytest.approx(4 / 5) and scores[2] == pytest.approx(math.sqrt(4 / 5 * 2 / 4))
    assert scores[3] == pytest.approx((4 / 5 * 2 / 4 * 1 / 3) ** (1 / 3)) and scores[4] == 0
    # a text that is too short pays
    assert bleu(["the heart"], ["the heart is normal"])[1] == pytest.approx(math.exp(1 - 4 / 2))
    assert bleu(truth, truth)[4] == pytest.approx(1) and bleu([""], truth)[1] == 0
    # counts of a set are pooled: no mean of texts
    both = bleu(["a b", "c"], ["a b", "d"])
    assert both[1] == pytest.approx(2 / 3)


def test_meteor_matches_words_and_stems():
    # four words in one run: F = 1, penalty 0.5 (1 / 4)^3
    assert meteor(["no pleural effusion ."], ["no pleural effusion ."])[0] == pytest.approx(1 - 0.5 / 64)
    stems = meteor(["small effusions seen"], ["small effusion seen"])[0]
    assert stems == pytest.approx(1 - 0.5 / 27), "effusions and effusion share a stem"
    assert meteor(["fluid"], ["effusion"])[0] == 0 == meteor([""], ["effusion"])[0]


def test_wordnet_is_asked_for_by_folder(tmp_path):
    said(lambda: meteor(["a"], ["b"], str(tmp_path)), "holds no WordNet", "corpora/wordnet")
