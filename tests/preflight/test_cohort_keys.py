"""Mistakes in cohorts and in the workflow's configuration: each is one line when the workflow loads."""

from pathlib import Path

import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_config, read_yaml
from mlmi2023.preflight.checks import check_results
from preflight_root import ROOT, load

GRID = {"grid": {"shape": [32, 40, 32], "spacing": 5.0}}
FOLDER = {
    "kind": "folder",
    "root": "data",
    "images": {"T1w": "i{subject}.nii.gz"},
    "split": {"train": 2, "test": 2},
    "preprocess": GRID,
}
SCANS = {"image": "i{subject}.nii.gz", "labels": "l{subject}.nii.gz"}
MADE = {
    "kind": "simulated",
    "simulator": "brain",
    "seed": 1,
    "subjects": {"train": 2, "test": 1},
    "preprocess": GRID,
}


def form(name, **read):
    return {"kind": "folder", "form": name, "root": "data", "read": read, "folds": {"count": 2}}


def like(**change):
    return merge(FOLDER, change)


COHORTS = {
    "key": (like(label="x"), "unknown key 'label'; did you mean 'labels'?"),
    "no root": ({k: v for k, v in FOLDER.items() if k != "root"}, "key 'root' is missing"),
    "empty root": (like(root=""), "key 'root' is ''"),
    "dataset without its name": (
        {"kind": "dataset", "root": "x", "preprocess": GRID},
        "key 'dataset' is missing",
    ),
    "no simulator": ({k: v for k, v in MADE.items() if k != "simulator"}, "key 'simulator' is missing"),
    "unknown simulator": (
        merge(MADE, {"simulator": "brian"}),
        "key 'simulator' is 'brian'; did you mean 'brain'?",
    ),
    "simulator's key": (merge(MADE, {"options": {"spacng": 2}}), "did you mean 'spacing'?"),
    "simulator's type": (merge(MADE, {"options": {"spacing": "1mm"}}), "config of cohort 'mine': "),
    "nobody": (merge(MADE, {"subjects": {"train": 0, "test": 0}}), "key 'subjects' plans nobody"),
    "nobody tested": (
        merge(MADE, {"subjects": {"train": 3, "test": 0}}),
        "key 'subjects' has nobody in 'test'",
    ),
    "a thousand million": (merge(MADE, {"subjects": {"train": 10**9}}), "key 'subjects.train' is 1000000000"),
    "split without test": (like(split={"train": 3, "test": 0}), "key 'split' has nobody in 'test'"),
    "huge grid": (
        like(preprocess={"grid": {"shape": [32, 40, 99999]}}),
        "key 'preprocess.grid.shape.2' is 99999",
    ),
    "spacing in words": (like(preprocess={"grid": {"spacing": ["a", 1, 1]}}), "key 'preprocess.grid.spacing"),
    "grid key": (
        like(preprocess={"grid": {"center": "volume"}}),
        "unknown key 'preprocess.grid.center'; did you mean 'centre'?",
    ),
    "step key": (
        like(preprocess={"n4": {"shrnk": 4}}),
        "unknown key 'preprocess.n4.shrnk'; did you mean 'shrink'?",
    ),
    "step word": (
        like(preprocess={"affine": {"backend": "ant"}}),
        "'preprocess.affine.backend' is 'ant'; did you mean 'ants'?",
    ),
    "levels": (
        like(preprocess={"affine": {"shrink": [4]}}),
        "iterations, shrink and smooth need one value per level",
    ),
    "read of volumes": (like(read={"file": "x"}), "unknown key 'read.file'"),
    "like a number": ({"like": 5}, "key 'like' is 5"),
    "labels that are the images": (
        like(labels="i{subject}.nii.gz"),
        "key 'labels' is 'i{subject}.nii.gz', as images.T1w",
    ),
    "an image that climbs out": (
        like(images={"../T1w": "i{subject}.nii.gz"}),
        "key 'images.../T1w': use letters, digits and _ in names",
    ),
    "an image called labels": (
        like(images={"labels": "i{subject}.nii.gz"}),
        "key 'images' names 'labels': an image cannot be called so",
    ),
    "an atlas that is nobody": (like(atlas=True), "key 'atlas' is true; name the subject"),
    "form": (form("scan", groups=[SCANS]), "key 'form' is 'scan'"),
    "scans": (
        form("scans", groups=[SCANS], windw=[0, 1]),
        "unknown key 'read.windw'; did you mean 'window'?",
    ),
    "scans' group": (
        form("scans", groups=[{**SCANS, "sit": "a"}], scale="zscore"),
        "unknown key 'read.groups.0.sit'; did you mean 'site'?",
    ),
    "scans' split": (
        form("scans", groups=[{**SCANS, "split": None}], scale="zscore"),
        "key 'read.groups.0.split' is null",
    ),
    "scans' split, misspelt": (
        form("scans", groups=[{**SCANS, "split": "trian"}], scale="zscore"),
        "key 'read.groups.0.split' is 'trian'; did you mean 'train'?",
    ),
    "scans' image": (
        form("scans", groups=[SCANS], scale="zscore", modality="../../x"),
        "'read.modality' is '../../x'; it becomes a file's name",
    ),
    "scans' window": (
        form("scans", groups=[SCANS], window=[250, -175]),
        "'read.window' is [250, -175]; the first must be below",
    ),
    "stacks": (form("ct_stacks", volumes=["a.nii.gz"]), "key 'read.volumes' is ['a.nii.gz']; give a mapping"),
    "stacks' overlap": (
        form("ct_stacks", volumes={"a": "a.nii"}, acquisitions=[[2, 5]]),
        "give [thickness, overlap] with the second smaller",
    ),
    "images": (form("images", image="{subject}.png"), "unknown key 'read.image'; did you mean 'images'?"),
    "images' size": (form("images", size=[96]), "key 'read.size' is [96]; give a list of 2 values"),
    "phases": (
        form("phased_scans", phases=["T00"], window=[0, 1], spacing=[1, 1, 1], shape=[8, 8, 8]),
        "phases needs two names",
    ),
    "aligned": (
        form("aligned_scans", groups=[SCANS], window=[0, 1], spacing=[1, 1], shape=[8, 8, 8]),
        "key 'read.spacing' is [1, 1]",
    ),
    "table": (form("table", file="x.csv", targt="y"), "unknown key 'read.targt'; did you mean 'target'?"),
    "exams": (form("exams", hu_ofset=1), "unknown key 'read.hu_ofset'; did you mean 'hu_offset'?"),
    "joined to itself": (
        {"kind": "joined", "form": "joined", "parts": {"a": {"cohort": "mine"}}},
        "'mine' in turn; break the circle",
    ),
}


@pytest.mark.parametrize("name", COHORTS)
def test_a_mistake_in_a_cohort_is_one_line(name):
    cohort, said = COHORTS[name]
    over = {
        "cohorts": {"mine": cohort},
        "overrides": {"ia_gcn": {"datasets": {"tadpole": {"cohort": "mine"}}}},
    }
    with pytest.raises(InputError) as error:
        load(ROOT, {"papers": ["ia_gcn"], **over})
    text = str(error.value)
    assert said in text and "\n" not in text and "config of " in text


CONFIGS = {
    "twice": ({"papers": ["pecon", "pecon"]}, "key 'papers' names 'pecon' twice; keep one"),
    "paper": ({"papers": ["peccon"]}, "unknown paper 'peccon'; did you mean 'pecon'?"),
    "all in another word": ({"papers": "everything"}, "key 'papers' is 'everything'"),
    "memory": ({"resources": {"train": {"mem_mb": 10**30}}}, "key 'resources.train.mem_mb'"),
    "not a number": (
        {"resources": {"pack": {"mem_mb_per_subject": float("nan")}}},
        "'resources.pack.mem_mb_per_subject' is not a finite number",
    ),
    "endless": (
        {"resources": {"pack": {"mem_mb_per_subject": float("inf")}}},
        "'resources.pack.mem_mb_per_subject' is not a finite number",
    ),
    "many folds": (
        {"papers": ["ia_gcn"], "overrides": {"ia_gcn": {"folds": 100000}}},
        "key 'folds' is 100000",
    ),
    "dataset of no paper": (
        {
            "papers": ["ia_gcn"],
            "overrides": {
                "ia_gcn": {
                    "datasets": {
                        "tadpol": {
                            "cohort": "ukbb_like",
                            "methods": ["lc"],
                            "task": {"kind": "classification", "target": "sex"},
                        }
                    }
                }
            },
        },
        "does not declare among its datasets; did you mean 'tadpole'?",
    ),
    "stage": (
        {"papers": ["ia_gcn"], "overrides": {"ia_gcn": {"methods": {"dgm": {"stages": {"msk": {}}}}}}},
        "unknown stage 'methods.dgm.stages.msk'; did you mean 'mask'?",
    ),
    "stages of a method that has one": (
        {"papers": ["sr4zct"], "overrides": {"sr4zct": {"methods": {"saint": {"stages": {"first": {}}}}}}},
        "unknown stage 'methods.saint.stages.first'; known: none",
    ),
    "figure that is asked for, of a dataset that is left out": (
        {
            "papers": ["ia_gcn"],
            "overrides": {
                "ia_gcn": {
                    "datasets": {"tadpole": None},
                    "figures": {"fig_mask_tadpole": {"methods": ["ia_gcn"]}},
                }
            },
        },
        "key 'figures.fig_mask_tadpole.dataset' is 'tadpole', which is none of the datasets",
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_mistake_in_the_configuration_is_one_line(name):
    over, said = CONFIGS[name]
    with pytest.raises(InputError) as error:
        load(ROOT, over)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xdf\x00\xf3", "is no text in UTF-8"),
        ("papers: [caf\xe9]".encode("latin-1"), "is no text in UTF-8"),
        (b"- a\n- b\n", "holds a list; give it keys"),
        (b"", "holds nothing; give it keys"),
        (b"papers: [a]\npapers: [b]\n", "key 'papers' is there twice"),
        (b"a: !!python/name:os.system\n", "not valid YAML"),
        (b"a: [1\n", "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)
def test_config_files_that_are_none(tmp_path, content, said):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_config(file)
    assert said in str(error.value) and str(file) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_no_config_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path)


def test_a_merged_mapping_may_have_the_keys_of_what_it_merges(tmp_path):
    (tmp_path / "a.yaml").write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: *a\n")
    assert read_yaml(tmp_path / "a.yaml")["b"] == {"x": 3, "y": 2}


def test_results_need_a_folder_that_can_be_written(tmp_path):
    check_results(tmp_path / "new" / "demo")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="which is a file; name a folder"):
        check_results(tmp_path / "file" / "demo")
    with pytest.raises(InputError, match="cannot be written"):
        check_results(Path("/proc/demo"))
