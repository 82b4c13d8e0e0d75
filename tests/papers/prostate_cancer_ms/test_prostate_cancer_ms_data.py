"""Intensities, slices with neighbours, and folds: nobody is seen by the network that is judged on them."""

import numpy as np
import pytest
import torch

from bad_inputs import said
from mlmi2023.papers.prostate_cancer_ms.cases import Glands, around
from mlmi2023.papers.prostate_cancer_ms.folds import FoldChunks, FoldSamples, GlandSlices, deal, pixels
from mlmi2023.papers.prostate_cancer_ms.standardise import PERCENTILES, Standard, landmarks
from mlmi2023.papers.prostate_cancer_ms.train import plan
from mlmi2023.training.data.augment2d import Augment2D
from prostate_cancer_data import job
from prostate_cancer_data import packed as make


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return make(tmp_path_factory.mktemp("glands"))


@pytest.fixture(scope="module")
def cases(packed):
    return Glands(job("decnet", packed))


def images():
    rng = np.random.default_rng(0)
    return [rng.gamma(3, 10 + 3 * k, 4000) + 5 * k for k in range(3)]


def test_landmarks_go_to_the_mean_of_training_and_a_linear_change_to_nothing():
    training = images()
    standard = Standard(training)
    own = [landmarks(values) for values in training]
    wanted = np.mean([(m - m[0]) / (m[-1] - m[0]) for m in own], 0)
    assert wanted[0] == 0 and wanted[-1] == 1 and (np.diff(wanted) > 0).all()
    for values, marks in zip(training, own):
        assert np.allclose(standard.mapped(marks, marks), wanted)
        everywhere = np.ones(values.shape, bool)
        plain = standard(values, everywhere, 99.0)
        assert np.allclose(plain, standard(7 * values - 30, everywhere, 99.0), atol=1e-4)
        # order is kept, and beyond the ends the outer lines go on
        assert (np.diff(plain[np.argsort(values)]) >= 0).all()
        beyond = standard.mapped(np.array([marks[-1], 2 * marks[-1] - marks[-2]]), marks)
        assert np.allclose(np.diff(beyond), wanted[-1] - wanted[-2])
    together = np.concatenate([standard(v, np.ones(v.shape, bool), 99.0) for v in training])
    assert abs(together.mean()) < 1e-4 and abs(together.std() - 1) < 1e-4
    assert len(PERCENTILES) == 11


def test_only_the_gland_says_how_an_image_is_scaled():
    standard, image = Standard(images()), images()[0]
    gland = np.arange(4000) < 3000
    before = standard(image, gland, 6.0)
    image[~gland] += 1000
    assert np.array_equal(standard(image, gland, 6.0)[gland], before[gland])
    assert standard(image, gland, 6.0).max() == 6
    said(lambda: standard(np.ones(10), np.ones(10, bool), 6.0, "7, T2"), "7, T2", "one grey")


def test_scales_are_learned_from_training_patients_alone(packed, cases):
    again = Glands(job("decnet", packed))
    read = again.maps
    seen = []
    again.maps = lambda row: (seen.append(row), read(row))[1]
    assert np.array_equal(again.standards[0].scale, cases.standards[0].scale)
    assert set(seen) == set(again.rows("train")) and not set(seen) & set(again.rows("test"))


def test_a_patient_is_what_its_files_say_around_the_gland(cases):
    row = 0
    assert cases.shape(row) == (6, 32, 32) and cases.spacing(row) == (4.0, 1.0, 1.0)
    gland, truth = cases.gland(row), cases.truth(row)
    assert gland.sum() == 24 * 20 * 6 and truth.max() == 2 and (truth > 0).sum() == 8 * 8 * 2
    # the gland's box of 20 rows and 24 columns in the middle; x goes along columns
    assert gland[0].any(1).nonzero()[0].tolist() == list(range(6, 26))
    assert gland[0].any(0).nonzero()[0].tolist() == list(range(4, 28))
    assert (truth > 0).any((1, 2)).nonzero()[0].tolist() == [2, 3]
    # cancer is dark on both
    image = cases.image(row)[1:-1]
    for number in range(2):
        assert image[..., number][truth == 2].mean() < image[..., number][gland & (truth == 0)].mean() - 2


def test_a_sample_has_t2_of_three_slices_and_then_adc_and_the_gland(packed, cases):
    image, found = cases.image(0), cases.inputs(0)
    assert found.shape == (6, 32, 32, 7)
    for z in (0, 3, 5):
        for number in range(2):
            for k in range(3):
                assert np.array_equal(
                    found[z, ..., 3 * number + k], image[z + k, ..., number].astype(np.float16)
                )
        assert np.array_equal(found[z, ..., 6], cases.gland(0)[z])
    source = GlandSlices(cases, [0, 2], Augment2D.from_config({}))
    x, y = source({"row": torch.tensor([3, 6 + 2])}, False)
    for sample, (row, z) in enumerate(((0, 3), (2, 2))):
        own = torch.from_numpy(cases.inputs(row)[z].astype(np.float32)).movedim(-1, 0)
        assert torch.equal(x[sample], own)
        inside = torch.from_numpy(cases.gland(row)[z])
        assert torch.equal(y[sample], torch.where(inside, torch.from_numpy(cases.truth(row)[z]).long(), -1))


def test_what_turns_into_an_image_from_outside_lies_outside_the_gland(cases):
    turned = Augment2D.from_config({"rotate": 45, "border": "zeros"})
    source = GlandSlices(cases, [0], turned)
    batch = {"row": torch.tensor([[3]]), "draw": torch.full((1, 1, 12), 0.95)}
    x, y = source(batch, True)
    assert torch.equal(x[0, 6] == 1, y[0] >= 0) and y[0, 0, 0] == -1
    assert abs((y >= 0).sum() / cases.gland(0)[3].sum() - 1) < 0.1 and (y == 2).any()


def test_a_batch_in_training_is_laid_out_fold_by_fold(cases):
    source = GlandSlices(cases, [0, 2], Augment2D.from_config({}))
    rows = torch.tensor([[0, 7], [1, 8], [2, 9]])  # three samples for each of two folds
    x, _ = source({"row": rows, "draw": torch.zeros(3, 2, 12)}, True)
    wanted, _ = source({"row": torch.tensor([0, 1, 2, 7, 8, 9])}, False)
    assert torch.equal(x, wanted)


def test_folds_deal_patients_with_and_without_cancer(packed, cases):
    dealt = deal(cases)
    assert list(dealt) == cases.rows("train") and set(dealt.values()) == {0, 1}
    ill = [sum(dealt[row] == fold and bool(cases.truth(row).any()) for row in dealt) for fold in (0, 1)]
    assert sorted(ill) == [1, 2]
    counts = pixels(cases, [0, 1])
    assert counts == [2 * 24 * 20 * 6 - 128, 0, 128]
    said(
        lambda: deal(Glands(job("decnet", packed, {"folds": 3}))), "2 training patients without", "task.folds"
    )
    said(lambda: Glands(job("decnet", packed, {"pool": ["test"]})).pool, "task.pool", "tested patients")
    said(lambda: Glands(job("decnet", packed, {"pool": ["wrong"]})).pool, "'wrong'", "nobody")
    said(lambda: Glands(job("decnet", packed, {"size": [16, 16]})).maps(0), "task.size 16", "pixels")


def test_no_network_sees_the_patients_that_it_is_validated_on(packed):
    made = plan(job("decnet", packed))
    source, dealt = made.module.source, deal(Glands(job("decnet", packed)))
    owner = np.repeat(list(dealt.values()), source.counts)
    for fold, own in enumerate(made.train.slices):
        assert len(own) and (owner[own.numpy()] != fold).all()
    seen = [batch for number in range(len(made.val)) for batch in [made.val[number]]]
    rows = torch.cat([batch["row"] for batch in seen])
    assert sorted(rows.tolist()) == list(range(len(owner)))
    assert all((owner[batch["row"].numpy()] == int(batch["fold"])).all() for batch in seen)
    patients = np.repeat(np.arange(len(dealt)), source.counts)
    assert all(np.array_equal(batch["case"].numpy(), patients[batch["row"].numpy()]) for batch in seen)


def test_samples_are_drawn_from_all_slices_of_a_fold():
    torch.manual_seed(0)
    samples = FoldSamples([[1, 2, 3], [7]])
    drawn = torch.stack([samples[0]["row"] for _ in range(60)])
    assert set(drawn[:, 0].tolist()) == {1, 2, 3} and set(drawn[:, 1].tolist()) == {7}
    assert samples[0]["draw"].shape == (2, 12) and len(samples) == 3
    chunks = FoldChunks([0, 1, 0, 0], [0, 1, 2, 2], 2)
    found = [chunks[number] for number in range(3)]
    assert [int(own["fold"]) for own in found] == [0, 0, 1]
    assert [own["row"].tolist() for own in found] == [[0, 2], [3], [1]]
    assert [own["case"].tolist() for own in found] == [[0, 2], [2], [1]]


def test_a_cut_is_padded_where_the_image_ends():
    volume = np.arange(1, 13).reshape(1, 3, 4)
    assert np.array_equal(around(volume, [(0, 1), (1, 3)], (3, 2))[0], [[0, 0], [2, 3], [6, 7]])
    assert around(volume, [(2, 3), (3, 4)], (5, 5)).shape == (1, 5, 5)
