"""The form ``radiographs``: own tables, MIMIC-CXR with Chest ImaGenome, and stand-in studies."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bad_inputs import said
from cxr_tokens_data import SIMULATED, packed
from mlmi2023.cohorts.forms.radiographs import form
from mlmi2023.cohorts.forms.radiographs.mimic_reports import FINDINGS, INDICATION, section, triples_of
from mlmi2023.cohorts.forms.radiographs.packing import target_shape
from mlmi2023.cohorts.forms.radiographs.reader import open_radiographs
from mlmi2023.cohorts.sources.simulators.chest_xrays.labeller import present, read_findings
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import Finding, Scene
from mlmi2023.cohorts.sources.simulators.xray_studies.cohort import simulate
from mlmi2023.cohorts.sources.simulators.xray_studies.phrases import phrases_of
from mlmi2023.core.json_files import read_object
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with cough  // pneumonia?

 FINDINGS:

 There is a small left pleural effusion.  The heart
 is enlarged.

 IMPRESSION:

 Small effusion.
"""


def own_folder(root, rows=6):
    (root / "images").mkdir()
    reports = ["image,patient,split,findings,indication,triples"]
    boxes = ["image,region,x1,y1,x2,y2,findings,phrases"]
    for number in range(rows):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 50), np.uint8)
        Image.fromarray(pixels).save(root / f"images/i{number}.png")
        split = ("train", "train", "train", "val", "test", "test")[number]
        reports.append(
            f"i{number},p{number},{split},Effusion {number}.,Cough.,effusion | located at | left lung"
        )
        boxes.append(f"i{number},left lung,25,0,50,40,{'effusion' if number % 2 else ''},Effusion {number}.")
        if number:
            boxes.append(f"i{number},heart,10,10,30,30,,")
    (root / "reports.csv").write_text("\n".join(reports) + "\n")
    (root / "regions.csv").write_text("\n".join(boxes) + "\n")
    return root


def test_own_tables_become_boxes_findings_and_texts(tmp_path):
    config = {"kind": "folder", "form": "radiographs", "read": {"size": 20}}
    own_folder(tmp_path)
    assert all(file.is_file() for file in form.raw_files(config, tmp_path))
    form.pack(config, tmp_path, tmp_path / "packed", "mine")
    own = open_radiographs(tmp_path / "packed")
    assert own.regions == ["left lung", "heart"] and own.finding_names == ["effusion"]
    assert own.image(2).shape == (20, 25) and target_shape((40, 50), 20) == (20, 25)
    assert np.allclose(own.boxes[1, 0], [12.5, 0, 25, 20]), "boxes shrink with the image"
    assert np.isnan(own.boxes[0, 1]).all() and own.findings[1, 0, 0] == 1 and not own.findings[2].any()
    assert own.texts[3].triples == [("effusion", "located at", "left lung")]
    assert own.texts[3].phrases == {"left lung": ["Effusion 3."]}
    assert own.rows("test").tolist() == [4, 5]
    form.draw_samples(tmp_path / "packed", tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 1000


def test_mistakes_are_one_line(tmp_path):
    config = {"kind": "folder", "form": "radiographs", "read": {}}
    own_folder(tmp_path)

    def packs(change=None):
        return lambda: form.pack(merge(config, change or {}), tmp_path, tmp_path / "packed", "mine")

    said(packs({"read": {"regions": ["liver"]}}), "read.regions", "liver")
    said(packs({"read": {"findings": ["mass"]}}), "read.findings", "mass")
    said(packs({"read": {"sizes": 3}}), "sizes", "size")
    said(packs({"read": {"images": "x.png"}}), "{image}")
    said(packs({"split": {"train": 6}}), "'val'")
    text = (tmp_path / "regions.csv").read_text()
    for wrong, words in (
        ("i1,left lung,50,0,25,40,,", "x1 < x2"),
        ("i1,left lung,a,0,25,40,,", "no number"),
        ("i9,left lung,0,0,25,40,,", "'i9' has no report"),
        ("i1,left lung,0,0,9,9,,\ni1,left lung,0,0,9,9,,", "stands twice"),
    ):
        (tmp_path / "regions.csv").write_text(text.splitlines()[0] + "\n" + wrong + "\n")
        said(packs(), words)
    (tmp_path / "regions.csv").write_text(text)
    reports = (tmp_path / "reports.csv").read_text()
    (tmp_path / "reports.csv").write_text(reports.replace("effusion | located at", "effusion"))
    said(packs(), "entity | relation | value")
    (tmp_path / "reports.csv").write_text(reports.replace(",p4,", ",p0,"))
    said(packs(), "torn apart")
    (tmp_path / "reports.csv").write_text(reports.replace("findings", "text", 1))
    said(packs(), "column findings is missing")


def test_sections_of_a_report():
    assert section(REPORT, FINDINGS) == "There is a small left pleural effusion. The heart is enlarged."
    assert section(REPORT, INDICATION) == "___ year old woman with cough // pneumonia?"
    assert section("WET READ: Clear.\n", FINDINGS) == ""


def graph():
    entities = {
        "1": {"tokens": "cough", "label": "OBS-DP", "start_ix": 3, "relations": []},
        "2": {"tokens": "heart", "label": "ANAT-DP", "start_ix": 12, "relations": []},
        "3": {"tokens": "Effusion", "label": "OBS-DP", "start_ix": 7, "relations": [["located_at", "4"]]},
        "4": {"tokens": "left pleural", "label": "ANAT-DP", "start_ix": 6, "relations": []},
        "5": {"tokens": "pneumothorax", "label": "OBS-DA", "start_ix": 10, "relations": []},
        "6": {"tokens": "effusion", "label": "OBS-DP", "start_ix": 17, "relations": [["located_at", "4"]]},
    }
    words = "INDICATION : with cough FINDINGS : left effusion . no pneumothorax . heart normal ."
    return {"text": f"{words} IMPRESSION : effusion", "entities": entities}


def test_triples_of_a_graph_are_those_of_the_findings_in_their_order():
    assert triples_of(graph()) == [
        ("effusion", "located at", "left pleural"),
        ("pneumothorax", "status", "absent"),
    ]


def setup():
    own = read_yaml(ROOT / "config/cohorts/mimic_cxr.yaml")["paper"]
    return {**own, "layout": read_yaml(ROOT / "resources/datasets/mimic_cxr.yaml")}


def tree(root, content=True):
    """Write MIMIC-CXR and Chest ImaGenome with four patients; empty files without ``content``."""
    base = root / "chest-imagenome/silver_dataset"
    for part, patients in (("train", (10000032, 10000764)), ("valid", (11000011,)), ("test", (12000012,))):
        rows = [",subject_id,study_id,dicom_id,path,ViewPosition"]
        for number, patient in enumerate(patients):
            below, dicom = f"p{str(patient)[:2]}/p{patient}/s5{patient}", f"d{patient}"
            rows.append(f"{number},{patient},5{patient},{dicom},files/{below}/{dicom}.dcm,PA")
            files = {
                f"mimic-cxr-jpg/files/{below}/{dicom}.jpg": "",
                f"mimic-cxr/files/{below}.txt": REPORT,
                f"chest-imagenome/silver_dataset/scene_graph/{dicom}_SceneGraph.json": json.dumps(scene()),
            }
            for name, text in files.items():
                file = root / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text if content else "")
                if content and name.endswith("jpg"):
                    Image.fromarray(np.full((60, 48), 99, np.uint8)).save(file)
        (base / "splits").mkdir(parents=True, exist_ok=True)
        (base / f"splits/{part}.csv").write_text("\n".join(rows) + "\n" if content else "")
    (root / "radgraph").mkdir(exist_ok=True)
    graphs = {"p10/p10000032/s510000032.txt": graph()}
    (root / "radgraph/MIMIC-CXR_graphs.json").write_text(json.dumps(graphs) if content else "")


def scene():
    sides = ("original_x1", "original_y1", "original_x2", "original_y2")
    return {
        "objects": [
            {"bbox_name": "left lung", **dict(zip(sides, (24, 0, 48, 60))), "x1": 1},
            {"bbox_name": "right lung", **dict(zip(sides, (0, 0, 24, 60)))},
            {"bbox_name": "spine", **dict(zip(sides, (0, 0, 0, 0)))},
        ],
        "attributes": [
            {
                "bbox_name": "left lung",
                "attributes": [
                    ["anatomicalfinding|yes|pleural effusion", "nlp|yes|abnormal"],
                    ["disease|no|pneumonia"],
                ],
                "phrases": ["There is a small left\n pleural effusion."],
            }
        ],
    }


def test_an_empty_tree_of_mimic_is_found_whole(tmp_path):
    tree(tmp_path, content=False)
    found = form.raw_files(setup(), tmp_path)
    assert len(found) == 7 and all(file.exists() for file in found)
    said(lambda: form.read_key({**setup(), "variant": "radgrph"}), "did you mean 'radgraph'")


def test_mimic_with_boxes_findings_and_triples(tmp_path):
    tree(tmp_path)
    config = merge(setup(), {"read": {"size": 24, "regions": ["left lung", "right lung"]}})
    form.pack(config, tmp_path, tmp_path / "packed", "mimic")
    own = open_radiographs(tmp_path / "packed")
    assert own.splits == ["train", "train", "val", "test"] and own.groups[0] == "10000032"
    assert own.image(0).shape == (30, 24) and own.image(0).mean() == pytest.approx(99, abs=2)
    assert np.allclose(own.boxes[0], [[12, 0, 24, 30], [0, 0, 12, 30]])
    assert own.finding_names == ["abnormal", "pleural effusion"], "what is denied is no finding"
    assert own.findings[0].tolist() == [[1, 1], [0, 0]]
    assert (
        own.texts[0].triples[0] == ("effusion", "located at", "left pleural") and own.texts[1].triples == []
    )
    assert own.texts[0].phrases == {"left lung": ["There is a small left pleural effusion."]}
    assert own.texts[2].indication.endswith("pneumonia?")
    file = tmp_path / "chest-imagenome/silver_dataset/scene_graph/d10000764_SceneGraph.json"
    file.write_text(json.dumps({"objects": [{"bbox_name": "x"}], "attributes": []}))
    said(lambda: form.pack(config, tmp_path, tmp_path / "p2", "mimic"), "d10000764", "no scene graph")


def test_a_study_agrees_with_itself():
    own = open_radiographs(packed())
    assert own.image(0).shape == (36, 36) and len(own) == 26
    agreed = 0
    for row in range(len(own)):
        seen = {own.finding_names[k] for k in np.flatnonzero(own.findings[row].any(0))}
        # findings are those of training images
        agreed += seen == present(read_findings(own.texts[row].report)) & {*own.finding_names}
        placed = {t[0] for t in own.texts[row].triples if t[1] == "located at"}
        assert placed & {*own.finding_names} == seen, "triples, findings of regions and the scene are one"
        assert not np.isnan(own.boxes[row][own.findings[row].any(-1)]).any(), "what is seen has a box"
    assert agreed >= 24, "the labeller reads reports"
    facts = dict(read_object(own.path / "cohort.json", {})["facts"])
    assert facts["regions"].startswith("18,")


def test_studies_depend_on_neither_processes_nor_each_other(tmp_path):
    for name, threads, subjects in (("a", 1, {"train": 2, "val": 1}), ("b", 2, {"train": 2, "val": 1})):
        simulate({**SIMULATED, "subjects": subjects}, tmp_path / name, threads)
    for file in ("reports.csv", "regions.csv", "images/x00002.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    said(lambda: simulate({**SIMULATED, "options": {"style": "wrd"}}, tmp_path / "c"), "did you mean 'ward'")


def test_sentences_go_to_the_regions_that_they_speak_of():
    scene_ = Scene("ward", (Finding("effusion", "left", grade="mild"),), ("pneumothorax",))
    found = phrases_of(scene_, "There is a small left pleural effusion. There is no pneumothorax.")
    assert found == {
        "left costophrenic angle": ["There is a small left pleural effusion."],
        "right upper lung": ["There is no pneumothorax."],
        "left upper lung": ["There is no pneumothorax."],
    }
