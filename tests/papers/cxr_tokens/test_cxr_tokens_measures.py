"""Scores by hand and by other libraries: clinical F1, triples, AUROC, Frechet distance, labels, words."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from bad_inputs import said
from mlmi2023.papers.cxr_tokens.chexbert import KINDS, CheXbertLabeller, Heads
from mlmi2023.papers.cxr_tokens.frechet import distances, frechet, principal
from mlmi2023.papers.cxr_tokens.labelling import RuleLabeller
from mlmi2023.papers.cxr_tokens.measures import (
    ABSENT,
    NOTHING,
    PRESENT,
    UNCERTAIN,
    clinical,
    consistency,
    example_based,
    macro,
    mean_auroc,
    positive,
    triple_overlap,
)
from mlmi2023.papers.cxr_tokens.options import CheXbert
from mlmi2023.papers.cxr_tokens.train import kept
from mlmi2023.papers.cxr_tokens.words import (
    BEGIN,
    END,
    PAD,
    SEP,
    UNKNOWN,
    Vocabulary,
    cut,
    joined,
    padded,
    trimmed,
)


def test_clinical_scores_pool_all_findings():
    rng = np.random.default_rng(0)
    found, truth = rng.random((2, 40, 6)) < 0.4
    own = clinical(found, truth)
    for name, theirs in (("ce_f1", f1_score), ("ce_p", precision_score), ("ce_r", recall_score)):
        assert own[name].mean() == pytest.approx(theirs(truth, found, average="micro"))
    assert macro(found, truth) == pytest.approx(f1_score(truth, found, average="macro"))
    assert example_based(found, truth).mean() == pytest.approx(f1_score(truth, found, average="samples"))
    p, r = own["ce_p"].mean(), own["ce_r"].mean()
    assert own["ce_f1"].mean() == pytest.approx(2 * p * r / (p + r))
    nothing = np.zeros_like(truth)
    assert clinical(nothing, truth)["ce_f1"].mean() == 0 and clinical(truth, truth)["ce_f1"].mean() == 1
    assert clinical(np.roll(truth, 1, 1), truth)["ce_f1"].mean() < 0.7, "labels that are shifted cost"
    assert example_based(nothing[:1], nothing[:1]).tolist() == [1]


def test_uncertain_findings_count_as_positive():
    states = np.array([NOTHING, PRESENT, ABSENT, UNCERTAIN])
    assert positive(states).tolist() == [False, True, False, True]


def test_triples_count_once_in_a_report():
    values = triple_overlap([["a", "a", "b"], []], [["a"], ["c"]])
    assert values.mean() == pytest.approx(2 * 1 / (2 + 1 + 0 + 1))


def test_auroc_is_a_mean_over_pairs_that_both_are_there():
    rng = np.random.default_rng(1)
    scores, truth = rng.random((30, 2, 3)), (rng.random((30, 2, 3)) < 0.5).astype(int)
    truth[:, 0, 0], truth[:, 1, 2] = 0, 1
    areas = [
        roc_auc_score(truth[:, r, f], scores[:, r, f])
        for r in range(2)
        for f in range(3)
        if 0 < truth[:, r, f].sum() < 30
    ]
    assert len(areas) == 4 and mean_auroc(scores, truth) == pytest.approx(np.mean(areas))
    assert mean_auroc(truth.astype(float), truth) == 1 and mean_auroc(-truth.astype(float), truth) == 0


def test_facts_are_consistent_where_both_say_the_same():
    truth = np.array([[PRESENT, ABSENT, NOTHING, UNCERTAIN]])
    assert consistency(truth, truth).tolist() == [1]
    # one agrees, one contradicts, one is made up; three are said, three are true
    said_ = np.array([[PRESENT, PRESENT, PRESENT, NOTHING]])
    assert consistency(said_, truth)[0] == pytest.approx(2 * 1 / (3 + 3))
    assert consistency(np.zeros((1, 4), int), truth).tolist() == [0]


def test_the_frechet_distance_of_gaussians():
    rng = np.random.default_rng(2)
    line = rng.normal(0, 1, (4000, 1))
    other = 3 + 2 * rng.normal(0, 1, (4000, 1))
    expected = (line.mean() - other.mean()) ** 2 + (line.std(ddof=1) - other.std(ddof=1)) ** 2
    assert frechet(line, other) == pytest.approx(expected, rel=1e-6)
    first, second = rng.normal(0, 1, (80, 4)) @ rng.normal(0, 1, (4, 4)), rng.normal(1, 2, (60, 4))
    c1, c2 = (np.cov(group, rowvar=False) for group in (first, second))
    theirs = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet(first, second) == pytest.approx(theirs, rel=1e-6) == pytest.approx(frechet(second, first))
    assert frechet(first, first) == pytest.approx(0, abs=1e-6)


def test_distances_are_of_regions_that_are_there():
    rng = np.random.default_rng(3)
    tokens = rng.normal(0, 1, (40, 3, 8))
    abnormal = np.zeros((40, 3), bool)
    abnormal[:20, :2] = True
    tokens[:20, 0] += 5.0
    there = np.ones((40, 3), bool)
    found, spread = distances(tokens, abnormal, there, 50)
    assert found[0] > 10 * found[1] > 0 and np.isnan(found[2]), "one kind alone has no distance"
    assert spread == pytest.approx(tokens.reshape(-1, 8).var(0).sum(), rel=1e-6), "PCA keeps the variance"
    assert np.allclose(distances(tokens + 7, abnormal, there, 50)[0][:2], found[:2])
    assert distances(2 * tokens, abnormal, there, 50)[0][0] == pytest.approx(4 * found[0])
    lost = there.copy()
    lost[:18, 0] = False
    assert np.isnan(distances(tokens, abnormal, lost, 50)[0][0]), "two abnormal tokens are too few"
    assert principal(tokens[:, 0], 3).shape == (40, 3)


def test_the_rules_read_states():
    labels = RuleLabeller()
    texts = [
        "there is a small left pleural effusion . no pneumothorax .",
        "possible consolidation in the left lower lung .",
    ]
    states = labels.states(texts)
    place = {kind: number for number, kind in enumerate(labels.kinds)}
    assert states[0, place["effusion"]] == PRESENT and states[0, place["pneumothorax"]] == ABSENT
    assert states[1, place["consolidation"]] == UNCERTAIN and states[1, place["effusion"]] == NOTHING
    both = labels.states(["no effusion . there is a small left pleural effusion ."])
    assert both[0, place["effusion"]] == PRESENT, "what is there counts most"


def test_chexbert_reads_its_answers_from_a_file(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "heart", "large"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    sizes = {"hidden": 8, "layers": 1, "heads": 2, "inner": 8}
    own = CheXbert(
        kind="chexbert", path=str(tmp_path / "c.pth"), vocabulary=str(tmp_path / "vocab.txt"), **sizes
    )
    net = Heads(own, len(words))
    wanted = [n % 4 for n in range(13)] + [1]
    for head, answer in zip(net.linear_heads, wanted):
        torch.nn.init.zeros_(head.weight)
        head.bias.data = torch.eye(len(head.bias))[answer]
    state = {f"module.{name}": value for name, value in net.state_dict().items()}
    state["module.bert.embeddings.position_ids"] = torch.arange(4)
    torch.save({"epoch": 3, "model_state_dict": state}, tmp_path / "c.pth")
    labels = CheXbertLabeller(own, "cpu")
    assert labels.states(["heart large", "large"]).tolist() == [wanted, wanted] and len(KINDS) == 14
    assert labels.states([]).shape == (0, 14)
    said(lambda: CheXbertLabeller(CheXbert(**{**vars(own), "sha256": "0"}), "cpu"), "sha256")
    torch.save({"model_state_dict": {"module.x": torch.zeros(2)}}, tmp_path / "c.pth")
    said(lambda: CheXbertLabeller(own, "cpu"), "no weights for")
    (tmp_path / "c.pth").write_bytes(b"nothing")
    said(lambda: CheXbertLabeller(own, "cpu"), "c.pth", "get the file again")
    (tmp_path / "c.pth").unlink()
    said(lambda: CheXbertLabeller(own, "cpu"), "c.pth", "choose the labeller 'rules'")
    (tmp_path / "vocab.txt").unlink()
    said(lambda: CheXbertLabeller(own, "cpu"), "vocab.txt")


def test_words_of_training_texts():
    words = Vocabulary(["The heart is large.", "the heart", "lungs"], 2)
    assert words.words[5:] == ["heart", "the"] and len(words) == 7
    assert words.encode("The lungs") == [6, UNKNOWN] and cut("X-ray, No. 3") == ["x-ray", ",", "no", ".", "3"]
    assert words.report([BEGIN, 6, 5, UNKNOWN, END, 5]) == "the heart"
    assert words.triples([5, 6, SEP, 5, SEP, SEP, 5, 6, END]) == ["heart the", "heart"]
    assert joined([[5], [6, 5]]) == [5, SEP, 6, 5] and joined([]) == []
    assert padded([[5, 6, 5], []], 2).tolist() == [[5, 6], [PAD, PAD]]
    assert trimmed(torch.tensor([[5, 0, 0], [5, 6, 0]])).tolist() == [[5, 0], [5, 6]]
    assert trimmed(torch.zeros(2, 3, dtype=torch.long)).shape == (2, 1)


def test_half_of_the_triples_are_left_out_anew():
    torch.manual_seed(0)
    triples = [str(number) for number in range(10)]
    draws = [kept(triples, 0.5) for _ in range(200)]
    assert 4.5 < np.mean([len(own) for own in draws]) < 5.5 and len({tuple(own) for own in draws}) > 100
    assert all(own == sorted(own, key=int) for own in draws), "in the order of the report"
    assert kept(triples, 0.0) == triples and kept(triples, 1.0) == []
