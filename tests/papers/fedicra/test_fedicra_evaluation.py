"""Dice, HD95 and empty answers of an image; means over sites; what the printed averages are."""

import math

import numpy as np
import pytest

from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.fedicra.evaluate import contributions, measures
from tiny_run import ROOT


def test_a_disc_has_its_cup_and_what_is_not_found_is_as_far_as_can_be():
    truth = np.zeros((6, 8), np.uint8)
    truth[1:5, 1:5], truth[2:4, 2:4] = 1, 2
    found = np.zeros_like(truth)
    found[1:5, 1:5] = 1
    nested = measures(found, truth, ["OD", "OC"], True)
    assert nested["dsc"] == {"OD": 100, "OC": 0, "overall": 50}
    assert nested["hd95"]["OD"] == 0 and nested["hd95"]["OC"] == pytest.approx(10)
    assert nested["empty"] == {"OD": 0, "OC": 100, "overall": 50}
    flat = measures(found, truth, ["rim", "cup"], False)
    assert flat["dsc"]["rim"] == pytest.approx(100 * 2 * 12 / 28)
    moved = np.roll(found, 2, axis=1)
    assert measures(moved, truth, ["OD", "OC"], True)["hd95"]["OD"] == pytest.approx(2)
    nothing = measures(np.zeros_like(truth), np.zeros_like(truth), ["FAZ"], False)
    assert nothing["dsc"] == {} and nothing["hd95"] == {}
    false = measures(found, np.zeros_like(truth), ["FAZ"], False)
    assert false["dsc"]["FAZ"] == 0 and false["hd95"]["FAZ"] == pytest.approx(math.hypot(6, 8))


def test_each_site_counts_alike_in_the_mean():
    values, sites = np.array([90.0, 80.0, 70.0, 80.0, 20.0]), np.array([0, 0, 0, 0, 1])
    parts = contributions(values, sites)
    assert parts.mean() == pytest.approx((80 + 20) / 2)
    # a site of one case adds the score and no spread
    assert parts[4] == pytest.approx(50)
    assert parts[0] - parts[1] == pytest.approx(5 / (2 * 4) * 10)


def test_the_findings_about_printed_averages_are_what_the_printed_values_say():
    table = next(
        t for t in read_yaml(ROOT / "resources/papers/fedicra.yaml")["tables"] if t["id"] == "table1"
    )
    printed = {}
    for row in table["rows"]:
        value = row["values"]["dsc"]
        printed[row["method"], row["label"], row["setting"]] = (
            value["mean"] if isinstance(value, dict) else value
        )
    methods = {method for method, _, _ in printed}
    sites = [f"site{letter}" for letter in "ABCDE"]

    def apart(method, label):
        mean = np.mean([printed[method, label, site] for site in sites])
        return printed[method, label, "avg"] - mean

    off = {(m, label): apart(m, label) for m in methods for label in ("OD", "OC")}
    assert sum(abs(value) > 0.011 for value in off.values()) == 14
    assert min(off.values()) == pytest.approx(-1.908) and abs(min(off.values())) == max(
        map(abs, off.values())
    )
    overall = {
        m: printed[m, "overall", "avg"] - (printed[m, "OD", "avg"] + printed[m, "OC", "avg"]) / 2
        for m in methods
    }
    wrong = {m: value for m, value in overall.items() if abs(value) > 0.011}
    assert set(wrong) == {"fedprox", "fedap", "metafed", "lt_full", "ct_full"}
    assert max(wrong.values()) == pytest.approx(3.24) and min(map(abs, wrong.values())) == pytest.approx(0.60)
    cup = [np.mean([printed[m, "OC", site] for site in sites]) for m in ("fedicra", "fedap", "fedbn")]
    assert cup[0] - cup[1] == pytest.approx(3.29, abs=0.005) and cup[2] == pytest.approx(82.90, abs=0.005)
