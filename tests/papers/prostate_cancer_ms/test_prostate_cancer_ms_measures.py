"""Lesions, sextants and what is counted of them, by hand; and what Table 2 can come from."""

import numpy as np
import pytest

from mlmi2023.core.options import options
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.segmentation import Counts
from mlmi2023.papers.prostate_cancer_ms.evaluate import certain, decided, patient_level
from mlmi2023.papers.prostate_cancer_ms.lesions import Lesions, element, settled
from mlmi2023.papers.prostate_cancer_ms.measures import (
    Patient,
    alarms,
    average_precision,
    detected,
    false_volume,
    lesion_counts,
    lesion_level,
    negatives,
    patient_counts,
)
from mlmi2023.papers.prostate_cancer_ms.options import Closing, Rules, Thresholds
from mlmi2023.papers.prostate_cancer_ms.sextants import sextants
from mlmi2023.papers.prostate_cancer_ms.table2 import STATED, agrees, possible, printed, rates, ways
from preflight_root import ROOT

RULES = options(Rules, {}, "test")
SHAPE, SPACING = (6, 20, 20), (4.0, 1.0, 1.0)
GLAND = np.ones(SHAPE, bool)


def blank():
    return np.zeros(SHAPE, np.uint8)


def patient(truth, found, chances=None):
    sure = np.stack([found == 1, found == 2], -1).astype(np.float16)
    return Patient(
        Lesions.of(truth, RULES), Lesions.of(found, RULES), truth > 0, sextants(GLAND),
        sure if chances is None else chances, 4.0,
    )  # fmt: skip


def test_holes_are_closed_and_small_lesions_dropped():
    labels = blank()
    labels[1:4, 3:12, 3:12] = 1
    labels[1:4, 8:12, 3:12] = 2
    labels[2, 5, 5] = labels[2, 10, 10] = 0
    labels[5, 17:19, 17:19] = 2  # 16 mm3
    found = settled(labels, GLAND, SPACING, Closing(), 250.0)
    assert found[2, 5, 5] == 1 and found[2, 10, 10] == 2 and not found[5].any()
    assert (found > 0).sum() == 243
    # 243 voxels of 4 mm3 are 972 mm3
    assert not settled(labels, GLAND, SPACING, Closing(), 973.0).any()
    assert settled(labels, GLAND, SPACING, Closing(), 972.0).any()
    # spacing is that of the scan
    assert not settled(labels, GLAND, (3.0, 1.0, 1.0), Closing(), 972.0).any()
    inside = GLAND.copy()
    inside[2, 5, 5] = False
    assert settled(labels, inside, SPACING, Closing(), 250.0)[2, 5, 5] == 0
    assert not settled(blank(), GLAND, SPACING, Closing(), 0.0).any()
    # what lies at the edge of the scan stays whole
    labels = blank()
    labels[0, :5, :5] = 1
    assert np.array_equal(settled(labels, GLAND, SPACING, Closing(), 0.0), labels)


def test_the_element_is_a_disc_in_mm():
    own = element(Closing(), (3.0, 0.29, 0.29))
    assert own.shape == (3, 17, 17) and own[1].sum() == pytest.approx(np.pi * 2.5**2 / 0.29**2, rel=0.05)
    assert own[0].sum() == own[2].sum() == 9 and own[1, 8, 0] and not own[1, 0, 0]
    assert element(Closing(), (4.0, 1.0, 1.0))[0].sum() == 1


def test_kinds_of_lesions_go_by_their_share_of_aggressive_voxels():
    labels = blank()
    labels[1, :10, :10] = 1
    labels[1, 0, 0] = 2  # 1 % is not more than 1 %
    labels[4, :10, :10] = 1
    labels[4, 0, :2] = 2
    own = Lesions.of(labels, RULES)
    assert own.numbers("indolent") == [1] and own.numbers("cspca") == [2] and own.numbers("cancer") == [1, 2]
    assert own.mask("cspca").sum() == 100 and own.mask("cspca")[4].any() and own.mask("cancer").sum() == 200
    # voxels that share a corner alone are two lesions, an edge one
    touching = blank()
    touching[1, 1, 1] = touching[2, 2, 2] = 1
    assert len(Lesions.of(touching, RULES).numbers("cancer")) == 2
    touching[2, 2, 2], touching[2, 2, 1] = 0, 1
    assert len(Lesions.of(touching, RULES).numbers("cancer")) == 1


def test_a_gland_has_six_parts():
    gland = np.zeros((8, 20, 20), bool)
    gland[1:7, 4:16, 6:18] = True
    parts = sextants(gland)
    assert len(parts) == 6 and np.array_equal(np.sum(parts, 0), gland)
    assert [int(own.sum()) for own in parts] == [2 * 12 * 6] * 6
    assert parts[0][1:3, :, 6:12].any() and not parts[0][:, :, 12:].any() and parts[1][1:3, :, 12:].any()
    thin = np.zeros((2, 4, 4), bool)
    thin[0, 1, 1:3] = True
    assert len(sextants(thin)) == 2


def two_lesions():
    """An aggressive lesion of 100 voxels in one sextant, an indolent one of 100 in another."""
    truth = blank()
    truth[0, :10, :10] = 2
    truth[3, :10, 10:] = 1
    return truth


def test_a_tenth_of_a_lesion_found_by_one_of_its_kind_is_a_hit():
    truth, found = two_lesions(), blank()
    found[0, 0, :10] = 2
    assert detected(patient(truth, found), "cspca", RULES) == {1: True}
    found[0, 0, 9] = 0
    assert detected(patient(truth, found), "cspca", RULES) == {1: False}
    # one indolent lesion over it is no hit for significant cancer, but for any
    found[0, 0, :10] = 1
    own = patient(truth, found)
    assert detected(own, "cspca", RULES) == {1: False} and detected(own, "indolent", RULES) == {2: False}
    assert detected(own, "cancer", RULES) == {1: True, 2: False}
    # two lesions that cover a twentieth each are none that covers a tenth
    found = blank()
    found[0, 0, :5] = found[0, 5, :5] = 2
    assert detected(patient(truth, found), "cspca", RULES) == {1: False}


def test_sextants_with_cancer_are_not_negative_and_alarms_need_a_tenth():
    truth, found = two_lesions(), blank()
    own = patient(truth, found)
    assert [int(part.sum()) for part in own.sextants] == [400] * 6
    assert len(negatives(own, RULES)) == 4  # both lesions fill a quarter of their sextants
    small = blank()
    small[0, 0, :10] = small[0, 1, :9] = 1  # 19 of 400
    assert len(negatives(patient(small, found), RULES)) == 6
    small[0, 1, 9] = 1
    assert len(negatives(patient(small, found), RULES)) == 5
    found[5, :4, :10] = 2  # 40 of 400 are a tenth, not more
    assert not any(alarms(patient(truth, found), "cspca", RULES))
    found[5, 4, 0] = 2
    own = patient(truth, found)
    assert sum(alarms(own, "cspca", RULES)) == 1 and not any(alarms(own, "indolent", RULES))
    # what is found beside cancer raises no alarm
    beside = blank()
    beside[0, 10:, :10] = 2
    assert not any(alarms(patient(truth, beside), "cspca", RULES))


def test_values_of_a_patient_by_hand():
    truth, found = two_lesions(), blank()
    found[0, :10, :5] = 2
    found[5, :10, :10] = found[5, :10, 10:] = 2
    own = patient(truth, found)
    assert lesion_counts(own, "cspca", RULES) == Counts(1, 2, 0, 2)
    values = lesion_level(own, "cspca", RULES)
    assert values["sensitivity"] == 1 and values["precision"] == pytest.approx(1 / 3)
    assert values["accuracy"] == pytest.approx(3 / 5) and values["dice"] == pytest.approx(
        2 * 50 / (250 + 100)
    )
    assert false_volume(own, "cspca") == 200 * 4.0 and false_volume(own, "indolent") == 0
    missed = lesion_level(own, "indolent", RULES)
    assert missed["sensitivity"] == missed["precision"] == missed["dice"] == 0
    assert missed["accuracy"] == pytest.approx(4 / 5)
    well = lesion_level(patient(blank(), found), "cspca", RULES)
    assert well["accuracy"] == pytest.approx(3 / 6) and np.isnan([well["dice"], well["precision"]]).all()


def test_the_curve_ranks_lesions_among_negative_sextants():
    truth, found = two_lesions(), blank()
    chances = np.zeros((*SHAPE, 2), np.float16)
    chances[0, :10, :10, 1] = 0.6
    assert average_precision(patient(truth, found, chances), "cspca", RULES) == 1
    chances[5, ..., 1] = 0.8  # both sextants of one height come before the lesion
    assert average_precision(patient(truth, found, chances), "cspca", RULES) == pytest.approx(1 / 3)
    # the other class has its own ranking, and any cancer the sum
    chances[3, :10, 10:, 0] = 0.9
    assert average_precision(patient(truth, found, chances), "indolent", RULES) == 1
    assert average_precision(patient(truth, found, chances), "cancer", RULES) == pytest.approx(
        (1 + 2 / 4) / 2
    )
    assert np.isnan(average_precision(patient(blank(), found, chances), "cspca", RULES))


def test_who_knows_every_lesion_ranks_them_all_first():
    truth = blank()
    truth[0, :10, :10] = 1
    truth[0, 0, :5] = 2  # a twentieth of it is aggressive
    own = patient(truth, truth, certain(Lesions.of(truth, RULES)))
    assert own.truth.numbers("cspca") and average_precision(own, "cspca", RULES) == 1
    assert not certain(Lesions.of(truth, RULES))[..., 0].any()


def test_patients_count_once_or_not_at_all():
    truth, found = two_lesions(), blank()
    assert patient_counts(patient(truth, found), RULES) == Counts(0, 0, 1, 0)
    assert patient_counts(patient(blank(), found), RULES) == Counts(0, 0, 0, 1)
    found[3, :10, 10:] = 2  # the indolent lesion, taken for an aggressive one
    assert patient_counts(patient(truth, found), RULES) == Counts(1, 0, 0, 0)
    assert patient_counts(patient(blank(), found), RULES) == Counts(0, 1, 0, 0)
    own = patient(blank(), found)
    speck = own.ill.copy()
    speck[0, 0, 0] = True
    assert patient_counts(own._replace(ill=speck), RULES) is None


def test_rates_over_patients_are_the_means_of_their_numbers():
    counts = {}
    for number, (one, times) in enumerate(
        ((Counts(1, 0, 0, 0), 5), (Counts(0, 0, 1, 0), 2), (Counts(0, 1, 0, 0), 1), (Counts(0, 0, 0, 1), 3))
    ):
        counts |= {f"{number}_{k}": one for k in range(times)}
    values = list(patient_level(counts))
    assert {v.setting for v in values} == {"cancer"}
    wanted = rates(5, 2, 3, 1)
    for metric, value in wanted.items():
        assert np.mean([v.value for v in values if v.metric == metric]) == pytest.approx(value), metric
    assert wanted["npv"] == 3 / 5 and wanted["f1"] == 10 / 13


def test_the_likeliest_class_or_thresholds_decide():
    chances = np.zeros((1, 3, 1, 4))
    chances[0, :, 0] = np.array([[0.5, 0.2, 0.3], [0.3, 0.4, 0.3], [0.55, 0.27, 0.18], [0.65, 0.05, 0.3]]).T
    assert decided(chances, "likeliest")[0, 0].tolist() == [0, 1, 0, 0]
    assert decided(chances, options(Thresholds, {}, "test"))[0, 0].tolist() == [2, 2, 1, 0]


def test_table_2_cannot_come_from_the_patients_that_were_tested():
    rows = printed(read_yaml(ROOT / "resources/papers/prostate_cancer_ms.yaml"))
    assert list(rows) == ["spcnet", "decnet"]
    ill, well = range(20, 56), range(5, 31)
    fits = {method: possible(own, ill, well) for method, own in rows.items()}
    for own in fits.values():
        assert not own[STATED[0] - ill.start, STATED[1] - well.start]
    both = fits["spcnet"] & fits["decnet"]
    assert [(ill[a], well[b]) for a, b in zip(*both.nonzero())] == [(36, 15), (37, 15), (38, 15)]
    assert ways(rows["spcnet"], 38, 15) == [(36, 4)] and ways(rows["decnet"], 38, 15) == [(35, 11)]
    # a table of the stated patients would be recognised
    sure = {name: round(value, 2) for name, value in rates(38, 3, 11, 4).items()}
    assert (38, 11) in ways(sure, *STATED)


def test_a_printed_value_may_be_rounded_or_cut_off():
    assert agrees(0.944, 0.94) and agrees(0.949, 0.94) and agrees(0.935, 0.94) and not agrees(0.934, 0.94)
    assert not agrees(0.951, 0.94) and not agrees(float("nan"), 0.94)
