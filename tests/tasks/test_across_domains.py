"""Runs across domains: what training and selection see has no label of a target, however it is asked for."""

import numpy as np
import pytest

from domain_data import blinded, packed
from mlmi2023.core.jobs import Job
from mlmi2023.core.sources import PACKAGE, closure, imports
from mlmi2023.tasks import domains


@pytest.fixture(scope="module")
def eyes(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("eyes"), size=24)


def job(data, **task):
    task = {"targets": ["two"], "other": 1, **task}
    return Job("some", "eyes", "net", 0, data, task=task)


def test_labels_of_targets_cannot_be_had_in_training(eyes):
    view = domains.training(job(eyes, shots=3, unlabelled="test"))
    shots = view.parts.target_labelled
    assert len(shots) == 3 and set(view.grades.of(shots)) <= set(range(5))
    assert view.maps["masks"].of(view.parts.train).shape == (len(view.parts.train), 24, 24)
    for row in view.parts.test:
        assert row not in view.grades
        for labels in (view.grades, *view.maps.values()):
            with pytest.raises(domains.HiddenLabelError):
                labels[row]
            with pytest.raises(domains.HiddenLabelError):
                labels.of([*shots, row])
    # images are there
    assert view.images[list(view.parts.target_unlabelled)].any()


def test_predicting_sees_no_label_and_scoring_those_of_tested_images(eyes):
    blind, scored = domains.testing(job(eyes)), domains.truth(job(eyes))
    assert not any(row in blind.grades or row in blind.maps["masks"] for row in range(len(blind.names)))
    assert len(scored.grades.of(scored.parts.test)) == len(scored.parts.test)
    with pytest.raises(domains.HiddenLabelError):
        scored.grades[scored.parts.train[0]]


def test_shots_follow_the_seed_unless_the_draw_is_fixed(eyes):
    first, second = (job(eyes, shots=3), Job("some", "eyes", "net", 1, eyes, task=job(eyes, shots=3).task))
    cohort = domains.open_domain_images(eyes)
    one, two = domains.parts_of(first, cohort), domains.parts_of(second, cohort)
    assert one.target_labelled != two.target_labelled and one.val != two.val
    fixed = {**first.task, "draw": 0, "split_seed": 0}
    jobs = [Job("some", "eyes", "net", seed, eyes, task=fixed) for seed in (0, 1)]
    assert domains.parts_of(jobs[0], cohort) == domains.parts_of(jobs[1], cohort)


def test_what_training_sees_is_the_same_whatever_the_labels_of_targets_are(eyes, tmp_path):
    view = domains.training(job(eyes, shots=3, unlabelled="test"))
    other = domains.training(
        job(blinded(eyes, view.parts.test, tmp_path / "blind"), shots=3, unlabelled="test")
    )
    rows = view.parts.with_labels
    assert view.parts == other.parts
    assert np.array_equal(view.grades.of(rows), other.grades.of(rows))
    assert np.array_equal(view.maps["masks"].of(rows), other.maps["masks"].of(rows))
    truth = [domains.truth(job(data)).grades.of(view.parts.test) for data in (eyes, tmp_path / "blind")]
    assert (truth[0] != truth[1]).all()


ACROSS = sorted(
    file.parent for file in PACKAGE.glob("papers/*/options.py") if "AcrossDomains" in file.read_text("utf-8")
)


@pytest.mark.parametrize("paper", ACROSS, ids=lambda folder: folder.name)
def test_no_code_of_training_opens_the_cohort_or_asks_for_the_truth(paper):
    for file in closure([paper / "train.py"]):
        if file.is_relative_to(PACKAGE / "papers"):
            asked = imports(file)
            assert "mlmi2023.tasks.domains.truth" not in asked, file
            assert not {name for name in asked if name.startswith("mlmi2023.cohorts.forms.domain_images")}, (
                file
            )
