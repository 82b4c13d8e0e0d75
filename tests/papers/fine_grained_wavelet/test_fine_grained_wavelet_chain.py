"""From packed scans and images to scores and figures; each convention of the measures by hand."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from fine_grained_wavelet_data import NET, STEPS, job
from mlmi2023.core.config import at_scale
from mlmi2023.core.errors import InputError
from mlmi2023.core.tidy import read_metrics
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.fine_grained_wavelet.evaluate import score
from mlmi2023.papers.fine_grained_wavelet.figures import most_structures
from mlmi2023.papers.fine_grained_wavelet.measures import published, scan_scores, strict
from mlmi2023.papers.fine_grained_wavelet.spectra import amplitude, high_share
from mlmi2023.papers.fine_grained_wavelet.train import plan
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.tasks.segmentation import Slices, pairs
from mlmi2023.training.data.augment2d import DRAWS

ROOT = Path(__file__).parents[3]
CONFIG = read_yaml(ROOT / "config/papers/fine_grained_wavelet.yaml")
KINDS = {"background": {"kind": "background"}, "truth": {"kind": "truth"}}


@cache
def ran(method, dataset="synapse"):
    """Train, predict and score a method; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="fet-run-"))
    own = job(method, KINDS.get(method), dataset)
    weights = None
    if method not in KINDS:
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place


def value(place, metric):
    table = read_metrics(place / "scores.csv")
    return table[table["metric"] == metric]["value"]


def test_slices_are_those_of_the_scan_and_cases_do_not_mix():
    own = job()
    slices = Slices(own)
    rows = slices.rows("train")
    assert [slices.name(row) for row in rows] == ["a", "b"] and slices.channels == 1
    assert slices.classes == ["liver", "spleen", "aorta"]
    case = rows[0]
    assert slices.shape(case) == (6, 30, 40) and slices.spacing(case) == (5.0, 3.0, 2.0)
    raw, truth = slices.cohort.labels(0), slices.truth(case)
    for number, label in ((1, 6), (2, 1), (3, 8)):
        assert np.array_equal(truth == number, raw.transpose(2, 1, 0) == label)
    assert (raw == 3).any() and not truth[(raw == 3).transpose(2, 1, 0)].any(), "what is not scored"
    assert np.allclose(slices.image(case)[..., 0], slices.cohort.image(0).transpose(2, 1, 0))
    made = plan(own)
    assert list(made.train.rows) == list(range(12)), "the twelve slices of the training scans"
    assert made.val is None
    with pytest.raises(InputError, match="no structure has the label 99"):
        Slices(job(task={"kind": "slices", "size": [32, 32], "organs": {"liver": 99}}))
    with pytest.raises(InputError, match="nobody is in val"):
        slices.rows("val")


def masks():
    found, true = np.zeros((4, 8, 8), bool), np.zeros((4, 8, 8), bool)
    true[1:3, 2:6, 2:6] = True
    found[1:3, 2:6, 3:7] = True
    return found, true


def test_measures_by_hand():
    found, true = masks()
    nothing = np.zeros_like(true)
    dice, distance = published(found, true)
    assert dice == pytest.approx(0.75) and distance == pytest.approx(1.0)
    assert strict(found, true, (5, 2, 2)) == (pytest.approx(0.75), pytest.approx(2.0))
    diagonal = (20**2 + 16**2 + 16**2) ** 0.5
    assert published(nothing, true) == (0, 0) and strict(nothing, true, (5, 2, 2)) == (
        0,
        pytest.approx(diagonal),
    )
    assert published(found, nothing) == (1, 0)
    assert strict(found, nothing, (5, 2, 2)) == (0, pytest.approx(diagonal))
    assert published(nothing, nothing) == (0, 0)
    assert all(np.isnan(v) for v in strict(nothing, nothing, (5, 2, 2)))
    scores = scan_scores(found.astype(int), true.astype(int), ["liver", "spleen"], (5, 2, 2))
    assert scores["dsc_liver"] == 75 and scores["dsc_spleen"] == 0
    assert scores["dsc"] == 37.5 and scores["hd"] == 0.5, "an absent organ is counted"
    assert scores["dsc_strict"] == 75 and scores["hd_strict"] == 2, "or left out"


def test_the_loss_is_the_papers():
    torch.manual_seed(0)
    config = at_scale(CONFIG, "paper")["train"]["loss"]
    logits, target = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    p = logits.softmax(1)
    dice = []
    for label in range(3):
        t = (target == label).float()
        dice.append((2 * (p[:, label] * t).sum() + 1e-5) / (p[:, label].square().sum() + t.sum() + 1e-5))
    entropy = -torch.log(p.gather(1, target[:, None])).mean()
    expected = 0.6 * (1 - torch.stack(dice).mean()) + 0.4 * entropy
    assert float(build_loss(config)(logits, target)) == pytest.approx(float(expected), abs=1e-6)


def test_the_papers_numbers_are_in_the_config():
    config = at_scale(CONFIG, "paper")
    own = config["train"]
    assert (own["batch"], own["optimiser"], own["learning_rate"]) == (24, "sgd", 0.05)
    assert (own["momentum"], own["weight_decay"], own["decay"]) == (0.9, 1e-4, "poly")
    for name, slices in (("synapse", 2211), ("isic2018", 1815)):
        steps = config["datasets"][name]["train"]
        assert steps["steps"] == 400 * steps["epoch_steps"]
        assert steps["epoch_steps"] == -(-slices // 24)
        assert config["datasets"][name]["task"]["size"] == [224, 224]
    for scale in ("demo", "bench"):
        other = at_scale(CONFIG, scale)
        assert other["train"]["loss"] == own["loss"] and other["train"]["augment"] == own["augment"]
        assert set(other["datasets"]["synapse"]["methods"]) == set(config["datasets"]["synapse"]["methods"])


def test_corners_of_turned_slices_are_air():
    slices = Slices(job())
    augment = at_scale(CONFIG, "paper")["train"]["augment"]
    source = slices.samples("train", {**augment, "flip": [0, 0], "quarter": 0, "warp": 1}).source
    draw = torch.full((1, DRAWS), 0.5)
    batch = {"row": torch.tensor([0]), "draw": draw}
    source.images.fill_(0.75)
    still, _ = source(batch, True)
    assert torch.allclose(still, torch.full_like(still, 0.5)), "0.75 of 0 to 1"
    draw[0, 5] = 1.0  # twenty degrees
    turned, labels = source(batch, True)
    corners = (..., [0, 0, -1, -1], [0, -1, 0, -1])
    assert torch.allclose(turned[corners], torch.tensor(-1.0)) and not labels[corners].any()
    assert torch.allclose(turned[..., 16, 16], torch.tensor(0.5)) and turned.min() >= -1


def test_spectra_tell_coarse_from_fine():
    rows, columns = np.mgrid[:16, :16]
    coarse = np.sin(2 * np.pi * columns / 16)
    fine = coarse * np.where((rows + columns) % 2, 1.0, -1.0)
    maps = torch.from_numpy(np.stack([coarse, fine])[..., None]).float()
    shares = high_share(amplitude(maps).numpy())
    assert shares[0] < 1e-6 and shares[1] > 0.999
    strong = torch.cat([maps[:1], 100 * maps[1:]], dim=3)
    assert high_share(amplitude(strong).numpy())[0] == pytest.approx(0.5, abs=1e-3), "channels count alike"
    assert high_share(amplitude(torch.ones(1, 8, 8, 2)).numpy())[0] == 0


def test_controls_bracket():
    assert (value(ran("background"), "dsc") == 0).all()
    assert (value(ran("background"), "hd_strict") > 50).all()
    truth = value(ran("truth"), "dsc")
    assert (truth > 80).all() and (truth < 100).any(), "the way to 32 x 32 and back costs"
    assert (value(ran("truth", "isic2018"), "dsc_image") > 90).all()
    assert (value(ran("background", "isic2018"), "se") == 0).all()


def test_a_network_is_trained_scored_and_drawn(tmp_path):
    place = ran("fet")
    table = read_metrics(place / "scores.csv")
    assert set(table["case"]) == {"c", "d", "e", ""}
    found = {m for m in table["metric"] if not m.startswith("dsc_")}
    assert found == {"dsc", "hd", "hd_strict", "hf_energy", "params"}
    assert float(value(place, "params").iloc[0]) > 0.01
    assert value(place, "hf_energy").between(0, 100).all()
    again = Path(mkdtemp(prefix="fet-again-"))
    train(job(), again / "runs", again / "main")
    weights = "main/weights.safetensors"
    assert (again / weights).read_bytes() == (place / weights).read_bytes(), "same seed, same bytes"
    for figure, dataset in (("fig3", "synapse"), ("fig_organs", "synapse"), ("fig_lesions", "isic2018")):
        own = ran("fet", dataset)
        jobs, folders = {"fet": job(dataset=dataset)}, {"fet": own / "predictions"}
        draw(figure, jobs, {}, folders, {"fet": "FET"}, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 3000
    with pytest.raises(InputError, match="draws fig3"):
        draw("fig9", jobs, {}, folders, {"fet": "FET"}, tmp_path / "fig9")


def test_labels_that_are_shifted_or_swapped_cost(tmp_path):
    place = ran("truth")
    folder = place / "predictions"
    own = job("truth", KINDS["truth"])
    right = {v.case: v.value for v in score(own, folder) if v.metric == "dsc"}
    for change in (lambda m: np.roll(m, 3, axis=2), lambda m: np.where(m == 1, 2, np.where(m == 2, 1, m))):
        (tmp_path / "about.json").write_text("{}")
        for pair in pairs(folder, Slices(own)):
            np.savez(tmp_path / f"{pair.case}.npz", labels=change(pair.found).astype(np.uint8))
        for value in score(own, tmp_path):
            if value.metric == "dsc":
                assert value.value < right[value.case] - 5
    np.savez(tmp_path / "c.npz", labels=np.zeros((6, 30, 39), np.uint8))
    with pytest.raises(InputError, match="no labels of c in its shape"):
        list(score(own, tmp_path))


def test_validation_is_by_case_where_a_monitor_asks_for_it():
    steps = {**STEPS, "monitor": "val_dice"}
    made = plan(job(dataset="isic2018", train=steps))
    assert len(made.train) == 7 and made.val is not None
    held = torch.cat([made.val[n]["row"] for n in range(len(made.val))])
    assert held.tolist() == [7, 8]
    assert plan(job(dataset="isic2018")).val is None


def test_what_cannot_be_used_is_said(tmp_path):
    with pytest.raises(InputError, match="choose learned, background, truth, prior"):
        evaluate(job("x", {"kind": "guess"}), None, tmp_path / "p", tmp_path / "s.csv")
    with pytest.raises(InputError, match="give the weights"):
        evaluate(job(), None, tmp_path / "p", tmp_path / "s.csv")
    with pytest.raises(InputError, match="does not divide by 32"):
        plan(job(task={"kind": "slices", "size": [40, 40]}))
    with pytest.raises(InputError, match="key net"):
        plan(job(options={"kind": "learned", "net": {**NET, "name": "fetch"}}))
    assert most_structures(np.array([[[0, 1]], [[1, 2]], [[2, 1]]])) == 0
