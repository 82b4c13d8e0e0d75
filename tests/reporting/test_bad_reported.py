"""What a paper reports, written wrongly: each mistake is one line when the file is loaded."""

import copy

import pytest
import yaml

from bad_inputs import said
from mlmi2023.reporting.read_reported import load_reported, parse_reported
from reporting_data import PAPER, paper

CHECKS = {
    "itself >= itself": ("dice[a] >= dice[a]", "compares a value with itself"),
    "itself + 0": ("dice[a] + 0 >= dice[a]", "holds whatever was measured"),
    "constant division by zero": ("dice[a] / 0 > 1", "divides by zero"),
    "division by a difference of the same": ("1 / (dice[a] - dice[a]) > dice[b]", "divides by zero"),
    "one of a maximum": ("max(dice[a], dice[b]) >= dice[a]", "holds whatever was measured"),
    "a square": ("dice[a] * dice[a] + 1 > 0", "holds whatever was measured"),
    "a distance": ("abs(dice[a] - dice[b]) >= 0", "holds whatever was measured"),
    "a distance below zero": ("abs(dice[a] - dice[b]) < 0 - 1", "fails whatever was measured"),
    "zeros": ("dice[a] - dice[a] > dice[b] - dice[b]", "fails whatever was measured"),
    "number 1e999": ("dice[a] < 1e999", "the number 1e999 is too large"),
    "3000 terms": ("dice[a] > " + " + ".join(["dice[b]"] * 3000), "at most 1000 can be read"),
    "10000 ands": (" and ".join(["dice[a] > dice[b]"] * 10_000), "at most 1000 can be read"),
    "brackets in brackets": ("abs(" * 190 + "dice[a]" + ")" * 190 + " > dice[b]", "brackets 190 deep"),
    "eight loops": (
        "dice[q1, label=q2] > dice[q3, label=q4] for q1 in (a, b, c), q2 in labels, q3 in (a, b, c), "
        "q4 in labels, q5 in (a, b, c), q6 in (a, b, c), q7 in (a, b, c), q8 in (a, b, c)",
        "'q5' is used nowhere",
    ),
    "loops of many turns": (
        "mean(dice[q1], dice[q2], dice[q3], dice[q4], dice[q5], dice[q6], dice[q7] for q1 in (a, b, c), "
        "q2 in (a, b, c), q3 in (a, b, c), q4 in (a, b, c), q5 in (a, b, c), q6 in (a, b, c), "
        "q7 in (a, b, c)) > dice[ref]",
        "loops of 2187 turns",
    ),
    "loop variable hides a method": ("dice[a] > dice[b] for a in (c, b)", "'a' is a method too"),
    "loop variable hides a label": ("dice[a] > dice[b] for wm in (c, b)", "'wm' is a label too"),
    "loop variable hides a loop": (
        "mean(dice[x] for x in (a, b)) > dice[x] for x in (b, c)",
        "'x' is the name of a loop around it",
    ),
    "loop variable twice": ("dice[x] > dice[b] for x in (a, c), x in (a, c)", "'x' stands for two things"),
    "loop variable not used": ("dice[a] > dice[b] for x in (a, b)", "'x' is used nowhere"),
    "loop variable not used within": ("mean(dice[a] for x in (a, b)) > dice[c]", "'x' is used nowhere"),
    "metrics of two units": ("dice[a] > hd[b]", "in no unit and in mm"),
    "a sum of two units": ("dice[a] + hd[a] > dice[b]", "in no unit and in mm"),
    "a mean of two units": ("mean(dice[a], hd[a]) > dice[b]", "in no unit and in mm"),
    "a count of two units": ("count(dice[a] > hd[b]) > 0", "in no unit and in mm"),
    "a product of units": ("hd[a] * hd[b] > hd[c]", "in mm^2 and in mm"),
}


@pytest.mark.parametrize("case", CHECKS)
def test_a_check_that_says_nothing_is_refused(case):
    check, words = CHECKS[case]
    line = said(lambda: paper(check), "toy.yaml: claim c1: check", words)
    assert len(line) < 600


FINE = [
    "dice[a] / dice[b] > 1.05",
    "hd[a] / hd[b] < dice[a] / dice[b]",
    "hd[a] / 2 < hd[b] + 3",
    "abs(dice[a] - dice[b]) < 0.0001",
    "hd[a] > 900",
    "params[a] - params[b] < 0",
    "max(dice[a], dice[b]) > max(dice[c], dice[ref])",
    "dice[a] * dice[b] > 0",
    "count(dice[a] > dice[b], dice[a] > dice[c] > dice[ref]) >= 1",
    "mean(dice[x] for x in (a, b)) > mean(dice[x] for x in baseline)",
    "dice[x, label=y] > dice[b, label=y] for all x in (a, c), y in labels",
    "dice[low] <= dice[a] <= dice[high]",
]


@pytest.mark.parametrize("check", FINE)
def test_a_check_that_says_something_is_kept(check):
    assert paper(check).claims["c1"].check == check


def first_row(**changes):
    return lambda content: content["tables"][0]["rows"][0].update(changes)


def method(number, *lost, **changes):
    def change(content):
        for key in lost:
            del content["methods"][number][key]
        content["methods"][number].update(changes)

    return change


FILES = {
    "row label not declared": (first_row(label="bone"), "table1 / b", "'bone'", "wm, gm"),
    "row setting not declared": (first_row(setting={"r": 3}), "table1 / b", "r '3'", "2, 4"),
    "row setting unknown factor": (first_row(setting={"q": 3}), "table1 / b", "'q'", "r, modality"),
    "row setting a word": (first_row(setting="fast"), "table1 / b", "'fast'", "none"),
    "value inf": (first_row(values={"dice": float("inf")}), "table1 / b / dice", "inf"),
    "sd NaN": (first_row(values={"dice": {"mean": 1.0, "sd": float("nan")}}), "table1 / b / dice", "nan"),
    "control without end": (method(4, "control"), "methods / low", "lacks 'control'"),
    "end without control": (method(0, control="floor"), "methods / a", "must not have the key 'control'"),
    "control of another end": (method(4, control="middle"), "methods / low", "'middle'"),
    "a method is a text": (lambda content: content["methods"].insert(0, "floor"), "methods / 0", "'floor'"),
    "methods a number": (lambda content: content.update(methods=3), "methods", "3"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_does_not_fit_itself_is_refused(case, tmp_path):
    change, *words = FILES[case]
    content = copy.deepcopy(PAPER)
    change(content)
    said(lambda: parse_reported(content, "toy.yaml"), "toy.yaml", *words)


BYTES = {
    "folder": (None, "Is a directory"),
    "UTF-16": (yaml.safe_dump(PAPER).encode("utf-16"), "UTF-8"),
    "duplicate key": (yaml.safe_dump(PAPER).encode() + b"methods: []\n", "'methods' is there twice"),
    "empty": (b"", "is not of type"),
}


@pytest.mark.parametrize("case", BYTES)
def test_a_file_that_cannot_be_read_is_refused(case, tmp_path):
    content, words = BYTES[case]
    file = tmp_path / "toy.yaml"
    file.mkdir() if content is None else file.write_bytes(content)
    said(lambda: load_reported(file), "toy.yaml", words)
