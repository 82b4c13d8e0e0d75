"""Places that cannot be written or read, and names that are none: one line that says what to do."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from bad_inputs import said
from mlmi2023.cohorts.find.folders import need_folder
from mlmi2023.cohorts.find.patterns import find
from mlmi2023.cohorts.forms.ct_stacks.options import Read as Stacks
from mlmi2023.cohorts.forms.exams.options import Read as Exams
from mlmi2023.cohorts.forms.phased_scans.options import Read as Phased
from mlmi2023.cohorts.forms.scans.options import Read as Scans
from mlmi2023.core.config import expand
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.options import options
from mlmi2023.core.schemas import check
from mlmi2023.preflight.checks import check_results

SCHEMAS = Path(__file__).parents[2] / "config/schemas"


def remove_while_writing(path):
    with atomic(path) as part:
        shutil.rmtree(path.parent)
        part.write_text("x")


def remove_after_writing(path):
    with atomic(path) as part:
        part.write_text("x")
        shutil.rmtree(path.parent)


def below_a_file(path):
    path.parent.mkdir(parents=True)
    path.write_text("a file")
    write_json(path / "below.json", {})


def write(path):
    write_json(path, {})


PLACES = {
    "folder removed while writing": ("a/b.json", remove_while_writing, "was removed while it was written to"),
    "folder removed after writing": ("a/b.json", remove_after_writing, "was removed while it was written to"),
    "name of 300 letters": ("x" * 300, write, "shorten the name"),
    "folder of 300 letters": ("x" * 300 + "/a.json", write, "shorten the name"),
    "below a file": ("a/b.json", below_a_file, "a file is in the place of a folder"),
}


@pytest.mark.parametrize("case", PLACES)
def test_what_cannot_be_written_is_one_line(case, tmp_path):
    name, action, words = PLACES[case]
    line = said(lambda: action(tmp_path / name), words)
    assert len(line) < 600
    assert not list(tmp_path.rglob(".partial*"))


JSON = {
    "missing": (None, "no such file; run again"),
    "folder": ("folder", "Is a directory"),
    "zero bytes": (b"", "not valid JSON"),
    "cut": (b'{"a": 1', "not valid JSON"),
    "latin-1": ("ß".encode("latin-1"), "not valid JSON"),
    "deep": (b"[" * 50_000, "not valid JSON"),
}


@pytest.mark.parametrize("case", JSON)
def test_json_that_cannot_be_read_is_one_line(case, tmp_path):
    content, words = JSON[case]
    file = tmp_path / "a.json"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    said(lambda: read_json(file), "a.json", words, "again")


@pytest.mark.parametrize("name", ["x" * 300, "a/" + "é" * 200 + "/b"])
def test_a_path_that_no_disk_takes_is_said(name):
    said(lambda: expand(name), "too long", "shorten it")
    said(lambda: check_results(Path(name)), "too long", "shorten it")


def test_a_path_with_a_zero_byte_is_said():
    said(lambda: expand("a\0b"), "no path can", "take it out")


def test_a_folder_that_must_not_be_read_is_said_and_not_taken_for_empty(tmp_path, monkeypatch):
    (tmp_path / "ct").mkdir()
    real = os.listdir

    def refuse(folder):
        if str(folder).endswith("ct"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return real(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    said(lambda: list(find(tmp_path, "ct/{subject}.nii.gz")), "ct: cannot be read", "fix its permissions")
    assert list(find(tmp_path, "none/{subject}.nii.gz")) == []
    monkeypatch.setattr(os, "access", lambda folder, how: False)
    said(lambda: list(find(tmp_path / "ct", "mask.nii.gz")), "ct: cannot be entered", "fix its permissions")


def test_a_root_below_a_closed_folder_is_said(tmp_path, monkeypatch):
    def refuse(path, *args, **more):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "stat", refuse)
    said(lambda: list(find("closed/raw", "{subject}.nii.gz")), "closed/raw: cannot be reached", "permissions")
    monkeypatch.setattr(os, "scandir", refuse)
    said(lambda: need_folder("config of cohort 'c'", Path("closed/raw")), "'root'", "fix its permissions")


def test_a_results_folder_below_a_closed_one_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, how: False)
    said(lambda: check_results(tmp_path / "a/b"), "key 'results'", str(tmp_path), "choose another")


CLIMBING = ["../../x", "a/b", "..", ".x", "", "a\\b", "a\nb", "x" * 200]
PATTERN = "{subject}.nii.gz"
GROUP = {"labels": "{subject}_seg.nii.gz"}
PHASES = {"window": [0, 1], "spacing": [1, 1, 1], "shape": [8, 8, 8]}
NAMED = {
    "volumes of ct_stacks": (Stacks, lambda name: {"volumes": {name: "a.nii.gz"}}),
    "modality of scans": (Scans, lambda name: {"modality": name, "scale": "zscore"}),
    "images of scans": (
        Scans,
        lambda name: {"groups": [{**GROUP, "images": {name: PATTERN}}], "scale": "zscore"},
    ),
    "phases": (Phased, lambda name: {**PHASES, "phases": ["T00", "T50", name]}),
    "modality of phases": (Phased, lambda name: {**PHASES, "phases": ["T00", "T50"], "modality": name}),
    "parts of exams": (Exams, lambda name: {"parts": [name]}),
}


@pytest.mark.parametrize("case", NAMED)
@pytest.mark.parametrize("name", CLIMBING)
def test_names_that_become_files_lead_nowhere_else(case, name):
    model, made = NAMED[case]
    said(lambda: options(model, made(name), "config of cohort 'c'", "read"), "config of cohort 'c'", "name")
    for usual in ("a1", "T1w", "left eye", "p-3.b"):
        options(model, made(usual), "config of cohort 'c'", "read")


SHAPED = {"kind": "folder", "root": "x", "preprocess": {"grid": {"shape": [8, 8, 8], "spacing": 1}}}


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", ""])
def test_names_in_a_cohort_of_volumes_lead_nowhere_else(name):
    schema = SCHEMAS / "cohort.schema.yaml"
    check(SHAPED | {"images": {"T1w": "{subject}.nii"}, "modalities": ["T1w"]}, schema, "c")
    said(lambda: check(SHAPED | {"images": {name: "{subject}.nii"}}, schema, "c"), "c: key 'images")
    said(lambda: check(SHAPED | {"modalities": [name]}, schema, "c"), "c: key 'modalities")
    joined = {"kind": "joined", "form": "joined", "parts": {name: {"cohort": "a"}}}
    said(lambda: check(joined, schema, "c"), "c: key 'parts")
