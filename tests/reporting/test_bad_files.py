"""Files that reporting reads, damaged or edited by hand: one line each with the fix."""

import json
import shutil

import pytest

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.core.files import file_hash, write_json
from mlmi2023.core.tidy import gather_scores, read_metrics, write_metrics
from mlmi2023.reporting.claims.results import evaluate_claims, read_claims, write_claims
from mlmi2023.reporting.learned import gather_learned, read_learned, write_learned
from mlmi2023.reporting.measured import measured
from mlmi2023.reporting.pages.cohorts import read_scores
from mlmi2023.reporting.runs import read_runs
from mlmi2023.reporting.tables.build import build_table, read_table, write_table
from reporting_data import VALUES, frame, paper, train_json

READERS = {
    "metrics.csv": lambda file: measured(file, paper()),
    "claims.csv": read_claims,
    "learned.csv": read_learned,
    "table1.csv": lambda file: read_table(file, paper()),
    "scores.csv": read_scores,
    "train.json": lambda file: read_runs([file]),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One whole file of each kind."""
    place = tmp_path_factory.mktemp("made")
    metrics, reported = frame(VALUES), paper()
    write_metrics(metrics, place / "metrics.csv")
    write_claims(evaluate_claims(reported, metrics), place / "claims.csv")
    runs = [{"dataset": "d1", "method": "a", "learned": {"status": "settled"}}]
    write_learned(gather_learned(runs, {}), place / "learned.csv")
    write_table(build_table(reported, "table1", metrics), reported, place / "table1.csv")
    (place / "scores.csv").write_text("subject,step,metric,value\ns1,affine,dice,0.9\ns2,affine,dice,\n")
    train_json(place, learned={"status": "settled"}).rename(place / "train.json")
    return place


@pytest.fixture
def place(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name, made):
    READERS[name](made / name)


DAMAGES = {
    "zero bytes": lambda file: file.write_bytes(b""),
    "binary": lambda file: file.write_bytes(bytes(range(256)) * 3),
    "text": lambda file: file.write_text("a,b\nc\nd,e,f\n"),
    "UTF-16": lambda file: file.write_bytes(file.read_text().encode("utf-16")),
    "latin-1": lambda file: file.write_bytes(file.read_text().encode() + "Straße,\n".encode("latin-1")),
    "folder": lambda file: (file.unlink(), file.mkdir()),
    "null": lambda file: file.write_text("null"),
    "a number": lambda file: file.write_text("3"),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-4]),
}


@pytest.mark.parametrize("case", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused(name, case, place):
    DAMAGES[case](place / name)
    said(lambda: READERS[name](place / name), name, "delete it and", "again")


@pytest.mark.parametrize("name", READERS)
def test_any_damage_is_read_or_said(name, place):
    def read(content):
        (place / name).write_bytes(content)
        READERS[name](place / name)

    reads_or_says(read, damaged((place / name).read_bytes(), 60))


def cell(column, value, row=0):
    """Return what writes another value into one cell of a table."""

    def change(file):
        lines = [line.split(",") for line in file.read_text().splitlines()]
        lines[row + 1][lines[0].index(column)] = value
        file.write_text("\n".join(",".join(line) for line in lines) + "\n")

    return change


def key(*path, value):
    """Return what writes another value under a key of a JSON file."""

    def change(file):
        content = json.loads(file.read_text())
        inner = content
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
        write_json(file, content)

    return change


EDITS = {
    "claims: verdict unknown": ("claims.csv", cell("verdict", "proven"), "verdict is 'proven', none of"),
    "claims: effect text": ("claims.csv", cell("effect", "big"), "row 1: effect is 'big', no number"),
    "claims: n text": ("claims.csv", cell("n", "many"), "n is 'many', no whole number"),
    "claims: column renamed": (
        "claims.csv",
        lambda f: f.write_text(f.read_text().replace("effect", "effekt", 1)),
        "columns must be",
    ),
    "claims: long row": (
        "claims.csv",
        lambda f: f.write_text(f.read_text()[:-1] + ",1\n"),
        "row 1 has 14 values",
    ),
    "claims: short row": (
        "claims.csv",
        lambda f: f.write_text(",".join(f.read_text().split(",")[:-2]) + "\n"),
        "row 1 has 11 values",
    ),
    "learned: unknown": ("learned.csv", cell("learned", "somewhat"), "learned is 'somewhat', none of"),
    "learned: count text": ("learned.csv", cell("trainings", "1.5"), "no whole number"),
    "table: mean text": ("table1.csv", cell("mean", "high"), "row 1: mean is 'high', no number"),
    "table: seeds 1e30": ("table1.csv", cell("n_seeds", "1e30"), "n_seeds is '1e30'"),
    "metrics: seed 1e30": ("metrics.csv", cell("seed", "1e30"), "seed must hold whole numbers"),
    "metrics: seed half": ("metrics.csv", cell("seed", "0.5"), "seed"),
    "metrics: value text": ("metrics.csv", cell("value", "high"), "row 1: value 'high'"),
    "metrics: value inf": ("metrics.csv", cell("value", "inf"), "row 1: value is infinite"),
    "metrics: unknown dataset": (
        "metrics.csv",
        cell("dataset", "d7", 3),
        "row 4: dataset 'd7'",
    ),
    "metrics: unknown method": ("metrics.csv", cell("method", "zz"), "row 1: method 'zz' is none of toy"),
    "scores: value text": ("scores.csv", cell("value", "good"), "row 1: value is 'good', no number"),
    "train: provenance null": ("train.json", key("provenance", value=None), "key 'provenance' is null"),
    "train: provenance text": ("train.json", key("provenance", value="x"), "key 'provenance' is 'x'"),
    "train: packages list": ("train.json", key("provenance", "packages", value=[]), "provenance.packages"),
    "train: seconds text": ("train.json", key("seconds", value="fast"), "key 'seconds' is 'fast'"),
    "train: seconds null": ("train.json", key("seconds", value=None), "key 'seconds' is null"),
    "train: seed text": ("train.json", key("seed", value="0"), "key 'seed' is '0'"),
    "train: steps text": ("train.json", key("steps", value="ten"), "key 'steps' is 'ten'"),
    "train: status unknown": ("train.json", key("learned", "status", value="well"), "learned.status"),
    "train: learned a list": ("train.json", key("learned", value=[]), "key 'learned' is []"),
}


@pytest.mark.parametrize("case", EDITS)
def test_a_file_edited_by_hand_is_refused(case, place):
    name, change, words = EDITS[case]
    change(place / name)
    said(lambda: READERS[name](place / name), name, words, "again")


STATUSES = {
    "list": "[]",
    "status unknown": '{"status": "fine", "reasons": []}',
    "reasons text": '{"status": "ok", "reasons": "x"}',
    "nothing": "{}",
}


@pytest.mark.parametrize("case", STATUSES)
def test_the_status_of_a_table_is_one_of_ours(case, place):
    (place / "table1.json").write_text(STATUSES[case])
    said(lambda: read_table(place / "table1.csv", paper()), "table1.json", "delete it and run again")


def test_a_table_needs_its_status(place):
    (place / "table1.json").unlink()
    said(lambda: read_table(place / "table1.csv", paper()), "table1.json", "no such file; run again")


@pytest.fixture
def scores(tmp_path):
    """The scores of a run, with its record."""
    file = tmp_path / "scores/seed-0.csv"
    write_metrics(frame(VALUES), file)
    write_json(file.with_suffix(".json"), {"scores_hash": file_hash(file)})
    return file


SCORES = {
    "header only": (
        lambda f: f.write_text(f.read_text().splitlines()[0] + "\n"),
        "was changed after the run",
    ),
    "a value": (cell("value", "0.99"), "was changed after the run"),
    "binary": (lambda f: f.write_bytes(b"\x00\xff"), "was changed after the run"),
    "folder": (lambda f: (f.unlink(), f.mkdir()), "no such file"),
    "no record": (lambda f: f.with_suffix(".json").unlink(), "seed-0.json: no such file"),
    "record of before": (lambda f: write_json(f.with_suffix(".json"), {}), "lacks scores_hash"),
}


@pytest.mark.parametrize("case", SCORES)
def test_scores_that_are_not_those_of_the_run_are_refused(case, scores):
    change, words = SCORES[case]
    assert len(gather_scores([scores])) == len(read_metrics(scores))
    change(scores)
    said(lambda: gather_scores([scores]), str(scores.parent), words, "run again")
