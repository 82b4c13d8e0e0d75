"""The restoration family on made-up images: controls, rounding, data range, regions, and what breaks it."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.restoration import Scoring, Target, enhance, mean_of, read_images, read_scores, score

TRUTH = torch.rand(3, 16, 20, generator=torch.Generator().manual_seed(0))
VIEWS = {"a": "view=a", "b": "view=b"}


def job():
    return Job("p", "d", "m", 0, "nowhere", device="cpu")


def noisy(item):
    return TRUTH + 0.1 * torch.randn(TRUTH.shape, generator=torch.Generator().manual_seed(1))


def target(**changes):
    return Target(0, "case-1", "c1", VIEWS, lambda: TRUTH, **changes)


def values(folder, metric="psnr"):
    return {(v.label, v.setting): v.value for v in score(job(), folder) if v.metric == metric}


def scored(tmp_path, restore=noisy, scoring=None, **changes):
    enhance(job(), tmp_path / "out", [target(**changes)], restore, scoring or Scoring(1.0))
    return values(tmp_path / "out")


def test_scores_are_scikit_image_s_of_what_is_stored(tmp_path):
    scoring = Scoring(1.0, images=lambda part, v: v, metrics=("psnr", "ssim"))
    found = scored(tmp_path, scoring=scoring)
    kept = read_images(tmp_path / "out", "case-1")["a"].double().numpy()
    true = TRUTH.double().numpy()
    expected = [peak_signal_noise_ratio(t, k, data_range=1) for t, k in zip(true, kept)]
    assert found["", "view=a"] == pytest.approx(np.mean(expected), abs=1e-9)
    likeness = [
        structural_similarity(t, k, data_range=1, gaussian_weights=True, sigma=1.5,
                              use_sample_covariance=False) for t, k in zip(true, kept)
    ]  # fmt: skip
    assert values(tmp_path / "out", "ssim")["", "view=b"] == pytest.approx(np.mean(likeness), abs=1e-9)


def test_the_data_range_counts_and_is_the_one_that_is_said(tmp_path):
    one, two = (scored(tmp_path / str(r), scoring=Scoring(r))["", "view=a"] for r in (1.0, 2.0))
    assert two - one == pytest.approx(20 * np.log10(2))
    assert 19 < one < 21  # noise of 0.1 in a range of 1


def test_floor_and_ceiling_bracket_a_method_and_are_finite(tmp_path):
    floor = scored(tmp_path / "floor", mean_of(noisy))["", "view=a"]
    method = scored(tmp_path / "method")["", "view=a"]
    ceiling = scored(tmp_path / "ceiling", None)["", "view=a"]
    assert floor < method < ceiling <= 100
    whole = scored(tmp_path / "exact", lambda _: TRUTH.round(), Scoring(1.0, levels=4095))
    assert whole["", "view=a"] < ceiling
    enhance(job(), tmp_path / "equal", [target()._replace(truth=lambda: TRUTH.round())], None, Scoring(1.0))
    assert values(tmp_path / "equal")["", "view=a"] == 100


@pytest.mark.parametrize(("levels", "step"), [(10, 0.05), (4095, 1 / 8190)])
def test_results_are_judged_as_they_are_stored(tmp_path, levels, step):
    scored(tmp_path, None, Scoring(1.0, levels=levels))
    kept = read_images(tmp_path / "out", "case-1", levels)["a"]
    assert step * 0.8 < float((kept - TRUTH).abs().max()) <= step * 1.01
    expected = peak_signal_noise_ratio(TRUTH.double().numpy(), kept.double().numpy(), data_range=1)
    assert values(tmp_path / "out")["", "view=a"] == pytest.approx(expected, abs=1e-9)


def test_a_region_is_a_box_or_a_mask_under_its_own_label(tmp_path):
    mask = torch.zeros(TRUTH.shape, dtype=torch.bool)
    mask[:, 2:9, 3:11] = True

    def spoilt(item):
        return torch.where(mask, TRUTH + 0.1, TRUTH + 0.5)

    regions = {
        "": lambda truth: ...,
        "box": lambda truth: (slice(None), slice(2, 9), slice(3, 11)),
        "mask": lambda truth: mask,
    }
    found = scored(tmp_path, spoilt, Scoring(1.0, regions=regions))
    assert found["box", "view=a"] == pytest.approx(20, abs=0.05) == found["mask", "view=a"]
    assert found["", "view=a"] < 10


def test_parts_of_one_setting_get_their_mean_and_labels_their_own_row(tmp_path):
    restore = {"a": TRUTH + 0.1, "b": TRUTH + 0.01}
    apart = scored(tmp_path / "apart", lambda _: restore, labels=("", "old"))
    assert {label for label, _ in apart} == {"", "old"}
    assert apart["", "view=a"] == apart["old", "view=a"] == pytest.approx(20, abs=0.05)
    merged = target()._replace(settings={"a": "", "b": ""})
    enhance(job(), tmp_path / "one", [merged], lambda _: restore, Scoring(1.0))
    mean = (apart["", "view=a"] + apart["", "view=b"]) / 2
    assert values(tmp_path / "one") == {("", ""): pytest.approx(mean)}


def test_parts_that_come_one_by_one_share_a_file_and_what_is_not_kept_is_scored(tmp_path):
    halves = [target()._replace(item=part, settings={part: VIEWS[part]}) for part in VIEWS]
    gone = target()._replace(item="a", name="gone", case="c2", keep=False)
    enhance(job(), tmp_path / "out", [*halves, gone], lambda part: {part: TRUTH}, Scoring(1.0))
    assert set(read_images(tmp_path / "out", "case-1")) == set(VIEWS)
    assert set(read_scores(tmp_path / "out")["case"]) == {"c1", "c2"}
    with pytest.raises(InputError, match="was not kept"):
        read_images(tmp_path / "out", "gone")


def test_nothing_to_restore_is_said_and_scored_as_nothing(tmp_path, capsys):
    enhance(job(), tmp_path / "out", [], noisy, Scoring(1.0))
    assert "nothing to restore" in capsys.readouterr().out
    assert list(score(job(), tmp_path / "out")) == []


def test_without_truth_there_is_a_result_and_no_score(tmp_path):
    blind = target()._replace(truth=None)
    enhance(job(), tmp_path / "out", [blind], noisy, Scoring(1.0))
    assert list(score(job(), tmp_path / "out")) == [] and read_images(tmp_path / "out", "case-1")
    with pytest.raises(InputError, match="has no truth"):
        enhance(job(), tmp_path / "none", [blind], None, Scoring(1.0))


@pytest.mark.parametrize(
    ("restore", "says"),
    [
        (lambda _: TRUTH / 0, "NaN or infinity"),
        (lambda _: TRUTH[:2], r"shape \(2, 16, 20\), the truth \(3, 16, 20\)"),
    ],
)
def test_broken_results_leave_nothing_behind(tmp_path, restore, says):
    with pytest.raises(InputError, match=says):
        scored(tmp_path, restore)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="cannot be read"):
        read_scores(tmp_path)
