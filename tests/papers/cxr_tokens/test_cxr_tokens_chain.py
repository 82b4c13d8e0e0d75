"""From packed radiographs to scores and figures; what each network may see; the same bytes again."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from bad_inputs import said
from cxr_tokens_data import CNN, OPTIONS, TASK, USES, job
from mlmi2023.core.jobs import Used
from mlmi2023.core.json_files import read_object
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.cxr_tokens.figures import RED, coloured, most_findings
from mlmi2023.papers.cxr_tokens.labelling import RuleLabeller
from mlmi2023.papers.cxr_tokens.measures import positive
from mlmi2023.papers.cxr_tokens.samples import (
    TOKENS,
    Eye,
    RegionReadings,
    mean_and_spread,
    stored_answers,
)
from mlmi2023.papers.cxr_tokens.studies import Studies, frequent_triples, normal_report
from mlmi2023.papers.cxr_tokens.train import asked_of, keys_of, plan
from mlmi2023.papers.cxr_tokens.words import SEP
from mlmi2023.papers.cxr_tokens.writer import RegionWriter, Sizes
from mlmi2023.papers.cxr_tokens.writing import Rewarded, region_reports
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.training.loop.weights import read_weights

#: each runs once, those that others build on first
RAN = ("detector", "find_cnn", "atok_te", "find_te", "atok_te_rg", "m2tr", "rgrg", "true_triples",
       "mean_boxes", "normal", "truth")  # fmt: skip


@cache
def ran(method):
    """Train, predict and score a method; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="cxr-tokens-run-"))
    own, weights = with_used(method), None
    if OPTIONS[method]["kind"] == "learned":
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place


def weights_of(method):
    file = ran(method) / "main/weights.safetensors"
    return file if file.exists() else None


def with_used(method, **keys):
    used = {name: Used(ran(name) / "predictions", weights_of(name)) for name in USES.get(method, ())}
    return replace(job(method, **keys), used=used)


def values(method, metric):
    found = read_metrics(ran(method) / "scores.csv")
    return found[found["metric"] == metric]["value"].to_numpy()


REPORTS = {
    "bl1",
    "bl2",
    "bl3",
    "bl4",
    "mtr",
    "rgl",
    "ce_f1",
    "ce_p",
    "ce_r",
    "ce_example",
    "ce_macro",
    "words",
}
TOKEN = {"mfd", "mfd_scaled"}


@pytest.mark.parametrize("method", RAN)
def test_every_kind_of_row_goes_to_scores(method):
    found = set(read_metrics(ran(method) / "scores.csv")["metric"])
    assert method == "atok_te_rg" or not found & TOKEN
    found -= TOKEN
    wanted = {
        "detector": {"iou", "missed", "auroc"},
        "find_cnn": {"auroc"},
        "mean_boxes": {"iou", "missed"},
        "atok_te": {"triple_f1"},
        "find_te": {"triple_f1"},
    }
    assert found == wanted.get(method, REPORTS)
    if found == REPORTS:
        assert len(values(method, "ce_f1")) == len(values(method, "rgl")) == 6


def test_controls_bracket():
    for metric in ("bl1", "bl4", "rgl", "ce_f1", "ce_p", "ce_r", "ce_macro"):
        assert values("truth", metric).mean() == pytest.approx(1)
    assert values("normal", "ce_f1").mean() == 0 and values("normal", "rgl").mean() > 0.1
    assert 0.3 < values("mean_boxes", "iou").mean() < 1


def test_curves_say_whether_a_network_has_learned():
    names = {
        "detector": "val_auroc",
        "find_cnn": "val_auroc",
        "atok_te": "val_triple_f1",
        "rgrg": "val_ce_f1",
    }
    for method, name in names.items():
        told = read_object(ran(method) / "main/train.json", {})["learned"]
        assert told["measure"] == name and told["before"] is not None and told["ceiling"] == 1
    studies = Studies(job())
    measure = plan(with_used("atok_te")).measure
    right = [set(frequent_triples(studies)) & set(studies.triples[row]) for row in studies.watched()]
    said_ = len(frequent_triples(studies)) * len(right) + sum(
        len(studies.triples[row]) for row in studies.watched()
    )
    assert measure.floor() == pytest.approx(2 * sum(map(len, right)) / said_) and measure.floor() > 0.1
    naive = plan(job("naive_detector")).measure
    assert naive.name == "val_iou" and 0.3 < naive.floor() < 1, "mean boxes"


def test_the_detector_leaves_tokens_of_all_images():
    tokens = np.load(ran("detector") / "predictions" / TOKENS)
    assert tokens.shape == (26, 18, 16) and tokens.dtype == np.float16
    studies = Studies(job())
    eye = Eye(studies, ran("detector") / "predictions")
    assert eye.shape() == (18, 16)
    known = tokens[studies.rows("train")].astype(np.float64)
    there = known.any(2)
    region = int(there.sum(0).argmax())
    own = known[there[:, region], region]
    tested = studies.rows("test")[0]
    wanted = (tokens[tested, region] - own.mean(0)) / np.where(own.std(0) > 1e-3, own.std(0), 1)
    found = eye(tested, False)[region].numpy()
    assert found == pytest.approx(wanted, abs=1e-3), "by training images that show the region"
    said(lambda: Eye(Studies(job()), ran("normal") / "predictions"), TOKENS, "name a detector")


def test_tokens_of_missing_regions_do_not_count_and_stay_zero():
    tokens = np.zeros((4, 2, 3), np.float16)
    tokens[:3, 0] = [[1, 5, 2], [3, 5, 2], [5, 5, 8]]
    tokens[3] = 99
    mean, spread = mean_and_spread(tokens, [0, 1, 2])
    assert mean[0].tolist() == [3, 5, 4] and mean[1].tolist() == [0, 0, 0]
    assert spread[0] == pytest.approx([(8 / 3) ** 0.5, 1, 8**0.5]), "what never changes is not blown up"
    assert spread[1].tolist() == [1, 1, 1]
    tokens[:2, 1] = [[2, 2, 2], [4, 2, 2]]
    mean, spread = mean_and_spread(tokens, [0, 1, 2])
    assert mean[1].tolist() == [3, 2, 2] and spread[1].tolist() == [1, 1, 1], "two of three images show it"


def test_rg_learns_on_masked_true_triples_and_reads_those_of_te():
    own, studies = with_used("atok_te_rg"), Studies(job())
    keys, row = keys_of(own), studies.rows("test")[0]
    ask, longest = asked_of(own, keys, studies, drawn=False)
    found = stored_answers(ran("atok_te") / "predictions")
    assert set(found) == {studies.name(row) for row in studies.rows("val", "test")}, (
        "nothing of training images"
    )
    assert ask(row) == [*studies.indication(row), SEP, *studies.written(found[studies.name(row)])[:12]]
    assert longest == 6 + 1 + 12
    true, _ = asked_of(own, keys, studies, drawn=False, true=True)
    assert true(row) == [*studies.indication(row), SEP, *studies.written(studies.triples[row])[:12]]
    with pytest.raises(KeyError):
        ask(studies.rows("train")[0])
    learn, _ = asked_of(own, keys, studies, drawn=True)
    row = studies.rows("train")[0]
    assert len({tuple(learn(row)) for _ in range(8)}) > 1
    without, length = asked_of(own, keys_of(job("atok_rg")), studies, drawn=True)
    assert without(row) == studies.indication(row) and length == 6
    assert asked_of(own, keys_of(job("r2gen")), studies, drawn=True) is None, "it sees the image alone"


def test_true_triples_are_given_to_the_same_rg():
    one, other = (stored_answers(ran(m) / "predictions") for m in ("true_triples", "atok_te_rg"))
    assert one.keys() == other.keys()
    about = read_object(ran("true_triples") / "predictions/answers.json", {})
    assert about["options"]["triples"] == "atok_te"


def test_a_row_with_findings_first_begins_with_that_cnn(tmp_path):
    module = plan(with_used("find_te")).module
    state = read_weights(weights_of("find_cnn"))
    own = module.net.cnn.state_dict()
    assert own and all(torch.equal(value, state[f"places.{name}"]) for name, value in own.items())
    wide = {**OPTIONS["find_te"], "cnn": {**CNN, "width": 8}}
    said(lambda: plan(with_used("find_te", method_options=wide)), "has other sizes")
    said(lambda: plan(job("find_te")), "'find_cnn' is missing under 'uses'")
    both = {**OPTIONS["find_te"], "tokens": "detector"}
    said(lambda: plan(job("find_te", method_options=both)), "one of tokens and cnn")


def test_rewards_come_last_and_are_highest_for_the_truth(tmp_path, monkeypatch):
    module, asked = plan(job("m2tr")).module, []
    rows = module.studies.rows("train")[:2]
    true = [module.studies.vocabulary.encode(module.studies.reports[row]) for row in rows]
    length = max(map(len, true))
    texts = torch.tensor([text + [0] * (length - len(text)) for text in true])
    assert np.allclose(module.rewards(rows, texts), 1), "the true report has the highest reward"
    assert module.rewards(rows, texts.flip(0)).max() < 1

    def rewards(self, rows, found):
        asked.append(self.global_step)
        return np.zeros((2, len(rows)))

    monkeypatch.setattr(Rewarded, "rewards", rewards)
    train(job("m2tr", train={"steps": 4, "epoch_steps": 2}), tmp_path / "runs", tmp_path / "m2tr")
    assert asked == [2, 2, 3, 3], "of drawn and likeliest texts, in the last half"


def test_regions_are_written_about_one_by_one():
    studies = Studies(job())
    own = RegionReadings(studies, studies.rows("train"), Eye(studies, ran("detector") / "predictions"), 3)
    torch.manual_seed(0)
    item, said_ = own[0], studies.sentences(studies.rows("train")[0])
    assert sorted(said_) == item["there"].nonzero()[:, 0].tolist()
    for region, target in zip(item["region"].tolist(), item["target"].tolist()):
        assert target[1 : 1 + len(said_[region][:10])] == said_[region][:10]
    net = RegionWriter(keys_of(job("rgrg")).net, Sizes(len(studies.vocabulary), 32, (18, 16), 0, 10)).eval()
    torch.nn.init.zeros_(net.choose[3].weight)
    for chance, silent in ((-9.0, True), (9.0, False)):
        net.choose[3].bias.data.fill_(chance)
        texts = region_reports(net, torch.zeros(2, 18, 16), 10, 1, 0.5, studies.vocabulary)
        assert all((text == "") == silent for text in texts)
        # all regions say the same here, and each sentence stands once
        assert all(len(set(text.split(". "))) == len(text.split(". ")) for text in texts)


def test_images_are_cut_at_random_in_training_and_in_the_middle_in_tests():
    studies = Studies(job())
    image, boxes = studies.seen(0)
    pixels = torch.from_numpy(np.array(studies.cohort.image(0))).float() / 127.5 - 1
    assert torch.equal(image[0], pixels[2:34, 2:34]) and image.shape == (1, 32, 32)
    there = np.isfinite(boxes).all(-1)
    assert np.allclose(boxes[there], np.clip(studies.cohort.boxes[0][there] - 2, 0, 32))
    corner = studies.seen(0, torch.tensor([0.0, 0.999]))[0]
    assert torch.equal(corner[0], pixels[:32, 4:])
    said(lambda: Studies(job(task={**TASK, "size": 64})), "task.size is 64", "36 pixels", "read.size")


def test_a_normal_report_has_no_finding():
    studies, labels = Studies(job()), RuleLabeller()
    texts = [studies.cohort.texts[row].report for row in studies.rows("train")]
    found = positive(labels.states(texts)).sum(1)
    assert found.min() == 0 and not positive(labels.states([normal_report(studies, found)])).any()
    # where all are ill, the least ill one
    assert positive(labels.states([normal_report(studies, np.maximum(found, 1))])).sum() <= 1


def test_training_twice_gives_the_same_bytes(tmp_path):
    own = with_used("atok_te_rg")
    made = [train(own, tmp_path / f"r{n}", tmp_path / str(n))["weights_hash"] for n in range(2)]
    assert made[0] == made[1] == read_object(ran("atok_te_rg") / "main/train.json", {})["weights_hash"]


def test_no_text_of_a_report_is_in_a_log(capfd, tmp_path):
    evaluate(with_used("true_triples"), None, tmp_path / "p", tmp_path / "s.csv")
    told = "".join(capfd.readouterr())
    texts = stored_answers(tmp_path / "p").values()
    assert "score" in told and not any(text and text[:30] in told for text in texts)


def test_a_prediction_that_lacks_an_image_is_said(tmp_path):
    (tmp_path / "answers.json").write_text(json.dumps({"texts": {"x00001": "a"}}))
    from mlmi2023.papers.cxr_tokens.evaluate import score

    said(lambda: list(score(job("truth"), tmp_path)), "says nothing of", "predict again")


def test_sentences_are_coloured_by_what_is_true():
    labels = RuleLabeller()
    place = {kind: number for number, kind in enumerate(labels.kinds)}
    truth = np.zeros(len(place), bool)
    truth[place["effusion"]] = True
    text = "There is a small left pleural effusion. There is no effusion. The heart is enlarged."
    colours = [colour for _, colour in coloured(text, truth, labels)]
    assert colours[0] != RED and colours[1:] == [RED, RED]
    assert most_findings(Studies(job())) in Studies(job()).rows("test")


def test_figures_are_drawn(tmp_path):
    figures = {
        "fig2": ["atok_te_rg", "rgrg"],
        "fig3": ["detector"],
        "fig_boxes": ["detector"],
        "fig_findings": ["atok_te_rg", "rgrg"],
        "fig_learning": ["detector", "atok_te", "rgrg"],
    }
    for figure, methods in figures.items():
        draw(
            figure,
            {method: with_used(method) for method in methods},
            {method: weights_of(method) for method in methods},
            {method: ran(method) / "predictions" for method in methods},
            {method: method for method in methods},
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 3000
