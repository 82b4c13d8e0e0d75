"""Mistakes that a stranger made in a config of one's own data: each is one line before the first job."""

import copy
import datetime
import random
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from bad_inputs import damaged, said
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_config, read_yaml
from preflight_root import ROOT, load, plan

GRID = {"shape": [32, 40, 32], "spacing": 5.0}
STEPS = {"n4": {}, "brainmask": {"backend": "deepbet"}, "affine": {"backend": "ants"}, "grid": GRID}
VOLUMES = {
    "kind": "folder",
    "root": "data",
    "images": {"T1w": "i{subject}.nii.gz"},
    "labels": "l{subject}.nii.gz",
    "split": {"train": 6, "val": 2, "test": 3},
    "atlas": "12",
    "preprocess": STEPS,
}
TABLE = {
    "kind": "folder",
    "form": "table",
    "root": "data",
    "read": {"file": "t.csv", "subject": "id", "target": "y"},
    "folds": {"count": 3},
}
MADE = {
    "kind": "simulated",
    "simulator": "brain",
    "seed": 1,
    "subjects": {"train": 2, "val": 1, "test": 2},
    "preprocess": {"grid": GRID},
}
DEFXATTN = {"datasets": {"ixi": {"cohort": "mine"}, "oasis": {"cohort": "mine"}, "alberts": None}}
GCN = {"datasets": {"tadpole": {"cohort": "mine", "task": {"target": "y", "select": 2}}}}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """Twelve images with labels, and a table, in the folder ``data`` of where we are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for number in range(1, 13):
        (tmp_path / f"data/i{number}.nii.gz").touch()
        (tmp_path / f"data/l{number}.nii.gz").touch()
    rows = "".join(f"s{n},{20 + n},{'ab'[n % 2]}\n" for n in range(12))
    (tmp_path / "data/t.csv").write_text(f"id,age,y\n{rows}")


def using(cohort: Any, **others: Any) -> dict[str, Any]:
    """A config whose paper stands on a cohort."""
    table = isinstance(cohort, dict) and cohort.get("form", "").lower() == "table"
    slug, over = ("ia_gcn", GCN) if table else ("defxattn_reg", DEFXATTN)
    return {"papers": [slug], "cohorts": {"mine": cohort, **others}, "overrides": {slug: over}}


def mine(**keys: Any) -> dict[str, Any]:
    """The cohort of volumes with other keys; ``...`` takes a key out."""
    return using({key: value for key, value in {**VOLUMES, **keys}.items() if value is not ...})


def made(**keys: Any) -> dict[str, Any]:
    return using({**MADE, **keys})


def table(**keys: Any) -> dict[str, Any]:
    return using({**TABLE, **keys})


def grid(**keys: Any) -> dict[str, Any]:
    return mine(preprocess={**STEPS, "grid": {**GRID, **keys}})


def registration(**keys: Any) -> dict[str, Any]:
    return merge(mine(), {"overrides": {"defxattn_reg": keys}})


def graphs(**keys: Any) -> dict[str, Any]:
    return merge(table(), {"overrides": {"ia_gcn": keys}})


def joined(parts: Any, **others: Any) -> dict[str, Any]:
    both = {"kind": "joined", "form": "joined", "parts": parts}
    over = {"nio_reg": {"datasets": {"oasis_to_lpba": {"cohort": "both"}}}}
    return {"papers": ["nio_reg"], "cohorts": {"both": both, **others}, "overrides": over}


def scans(**read: Any) -> dict[str, Any]:
    cohort = {"kind": "folder", "form": "scans", "root": "data", "read": {"window": [0, 1], **read}}
    over = {"relational_unet": {"datasets": {"btcv": {"cohort": "mine"}}}}
    return {"papers": ["relational_unet"], "cohorts": {"mine": cohort}, "overrides": over}


MISTAKES = {
    # who is in the cohort
    "atlas true": (mine(atlas=True), "key 'atlas' is true; name the subject that is the atlas, in quotes"),
    "atlas a number": (mine(atlas=12), "key 'atlas' is 12; give true or false or a text, in quotes"),
    "atlas nobody": (mine(atlas="13"), "key 'atlas' is '13', who has no image"),
    "atlas image null": (
        mine(atlas=..., atlas_image={"T1w": None}),
        "key 'atlas_image.T1w' is null; give a text",
    ),
    "no test": (mine(split={"train": 11}), "key 'split' has nobody in 'test'"),
    "split zero": (mine(split={"train": 0, "test": 0}), "key 'split' plans nobody"),
    "split too many": (
        mine(split={"train": 7, "val": 2, "test": 3}),
        "key 'split' asks for 12 subjects but 11 are there beside the atlas, 12; lower the counts",
    ),
    "split fraction": (
        mine(split={"train": 0.7, "test": 0.3}),
        "'split.test' is 0.3; give a number of subj",
    ),
    "split negative": (mine(split={"train": -6, "test": 3}), "key 'split.train' is -6"),
    "split unknown": (
        mine(split={"train": 6, "exam": 2, "test": 3}),
        "unknown split 'split.exam'; known: train",
    ),
    "split list": (mine(split=[6, 2, 3]), "key 'split' is [6, 2, 3]; give a mapping"),
    "split null": (mine(split=None), "key 'split' is null; give a mapping"),
    "split file": (mine(split=..., split_file="x.csv"), "key 'split_file': no such file: x.csv"),
    "made unknown": (
        made(subjects={"training": 2, "test": 1}),
        "unknown split 'subjects.training'; known: tr",
    ),
    "made fraction": (made(subjects={"train": 2.5}), "key 'subjects.train' is 2.5; give a whole number"),
    "made list": (made(subjects=[2, 2]), "key 'subjects' is [2, 2]; give a mapping"),
    "made many": (made(subjects={"train": 10**9}), "'subjects.train' is 1000000000; give at most 1000000"),
    "made seed below 0": (made(seed=-1), "key 'seed' is -1; give at least 0"),
    "huge seed": ({"seeds": [2**40]}, "key 'seeds.0' is 1099511627776; give at most 4294967295"),
    "made seed": (made(seed="abc"), "key 'seed' is 'abc'; give a whole number"),
    # where the files are
    "root null": (mine(root=None), "key 'root' is null; give a text"),
    "root a number": (mine(root=5), "key 'root' is 5; give a text, in quotes"),
    "root a date": (mine(root=datetime.date(2020, 1, 1)), "give a text, in quotes"),
    "root with a line break": (mine(root="data\n"), r"key 'root' is 'data\n', which is no folder"),
    "root with a variable": (
        mine(root="$NOBODY_SET/x"),
        "key 'root' is '$NOBODY_SET/x', $NOBODY_SET is not set",
    ),
    "images missing": (
        mine(images=...),
        "key 'images' is missing; add images: {T1w: 'name{subject}.nii.gz'}",
    ),
    "image's name": (
        mine(images={"../T1": "i{subject}.nii.gz"}),
        "key 'images.../T1': use letters, digits and _",
    ),
    "pattern empty": (mine(images={"T1w": ""}), "key 'images.T1w' is '' without {subject}"),
    "pattern of nothing": (
        mine(images={"T1w": "x{subject}.nii"}),
        "is named like 'x{subject}.nii'; it holds i1",
    ),
    "pattern of all": (
        mine(images={"T1w": "{subject}"}, labels=...),
        "'images.T1w' is '{subject}' without the ending of the names",
    ),
    "labels of the images": (
        mine(labels="i{subject}.nii.gz"),
        "key 'labels' is 'i{subject}.nii.gz', as images",
    ),
    "labels find the images": (
        mine(labels="i{subject}.nii.*"),
        "keys 'images.T1w' and 'labels' both find data/i1.nii.gz for subject 1; name the label maps",
    ),
    "no group fits": (
        scans(groups=[{"image": "q{subject}.nii", "labels": "l{subject}.nii.gz"}]),
        "config of cohort 'mine': read.groups[0]: no file in data is named like 'q{subject}.nii'",
    ),
    "no table": (table(read={"file": "x.csv", "subject": "id", "target": "y"}), "no such file: data/x.csv"),
    # what it is
    "kind": (mine(kind="foldr"), "key 'kind' is 'foldr'; did you mean 'folder'?"),
    "form": (table(form="Table"), "key 'form' is 'Table'; use small letters, digits and _"),
    "cohort's name": ({"cohorts": {"my own": VOLUMES}}, "key 'cohorts.my own': use letters, digits and _"),
    "cohort's number": ({"cohorts": {1: VOLUMES}}, "key 'cohorts.1': quote the name"),
    "dataset climbs": (
        using({"kind": "dataset", "dataset": "../../x", "root": "data", "preprocess": STEPS}),
        "key 'dataset' is '../../x'; use letters, digits and _",
    ),
    "dataset unknown": (
        using({"kind": "dataset", "dataset": "oasys", "root": "data", "preprocess": STEPS}),
        "key 'dataset' is 'oasys'; did you mean 'oasis'?",
    ),
    "packaged volumes": (
        using({"kind": "packaged", "dataset": "sklearn_diabetes", "preprocess": STEPS}),
        "key 'form' is missing; packaged data are tables: form: table",
    ),
    "packaged with steps": (
        using({"kind": "packaged", "dataset": "sklearn_diabetes", "form": "table", "preprocess": STEPS}),
        "take it out: only a cohort of the form 'volumes' is preprocessed",
    ),
    "like each other": (
        using({"like": "yours"}, yours={"like": "mine"}),
        "config of cohort 'mine': key 'like' is 'yours', a cohort of your own; it can be like one of",
    ),
    "like nobody": (using({"like": "brain_adult"}), "none of config/cohorts; did you mean 'brain_adults'?"),
    "like a list": (using({"like": ["ixi"]}), "key 'like' is ['ixi']; name one of config/cohorts"),
    "joined of itself": (joined({"oasis": {"cohort": "both"}}), "'both' in turn; break the circle"),
    "joined circle": (
        joined({"a": {"cohort": "more"}}, more={**joined({"b": {"cohort": "both"}})["cohorts"]["both"]}),
        "in turn; break the circle",
    ),
    "grid text": (grid(shape="32x40x32"), "key 'preprocess.grid.shape' is '32x40x32'; give a list"),
    "grid fraction": (
        grid(shape=[32.5, 40, 32]),
        "key 'preprocess.grid.shape.0' is 32.5; give a whole number",
    ),
    "grid tiny": (grid(shape=[2, 40, 32]), "key 'preprocess.grid.shape.0' is 2; give at least 8"),
    "grid huge": (grid(shape=[9999, 40, 32]), "key 'preprocess.grid.shape.0' is 9999; give at most 2048"),
    "grid of two": (grid(shape=[32, 40]), "key 'preprocess.grid.shape' is [32, 40]; name at least 3"),
    "grid spacing": (grid(spacing="5mm"), "key 'preprocess.grid.spacing' is '5mm'; give a number or a list"),
    "grid spacing zero": (grid(spacing=0), "key 'preprocess.grid.spacing' is 0; give more than 0"),
    "steps a list": (mine(preprocess=["n4", "grid"]), "key 'preprocess' is ['n4', 'grid']; give a mapping"),
    "step null": (mine(preprocess={**STEPS, "n4": None}), "key 'preprocess.n4' is null; give a mapping"),
    "n4": (
        mine(preprocess={**STEPS, "n4": {"iterations": [-5]}}),
        "config of cohort 'mine': key 'preprocess.n4.iterations.0' is -5",
    ),
    # the paper
    "no methods": (
        registration(datasets={"ixi": {"methods": []}}),
        "'datasets.ixi.methods' is []; name at least 1",
    ),
    "folds nobody has": (registration(folds=5), "key 'folds' is 5, cohort 'mine' of dataset 'ixi' has 1"),
    "dataset's number": (registration(datasets={1: {}}), "key 'datasets.1': quote the name"),
    "kind taken out": (
        registration(datasets={"ixi": {"method_options": {"tm_dca": {"kind": None}}}}),
        "key 'datasets.ixi.method_options.tm_dca' takes out the method's kind",
    ),
    "many folds": (graphs(folds=100000), "key 'folds' is 100000; give at most 1000"),
    "task": (
        graphs(datasets={"tadpole": {"task": {"select": "all"}}}),
        "task.select' is 'all'; give a whole nu",
    ),
    "net": (
        graphs(methods={"dgcnn": {"net": {"neighbours": -1}}}),
        "net.neighbours' is -1; it must be at least 1",
    ),
    "train": (graphs(train={"precision": 64}), "'train.precision' is 64; choose 32 or bf16 or 16"),
    # everything
    "memory": ({"resources": {"train": {"mem_mb": 10**30}}}, "'resources.train.mem_mb' is 1000000000"),
    "switch": ({"warm_workers": "maybe"}, "key 'warm_workers' is 'maybe'; choose one of true, false"),
    "no overrides": ({"overrides": None}, "key 'overrides' is missing; add it"),
    "results": ({"results": "data/t.csv"}, "t.csv, which is a file; name a folder"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_before_the_first_job(name):
    over, words = MISTAKES[name]
    line = said(lambda: plan(over), "config", words)
    assert len(line) < 700


@pytest.mark.parametrize("over", [mine(), made(), table(), joined({"a": {"cohort": "brains_a"}})])
def test_without_a_mistake_nothing_is_said(over):
    plan(over)


def test_datasets_and_methods_that_a_paper_has_not():
    settings = load(ROOT, {"papers": ["defxattn_reg"]})
    said(lambda: settings.dataset("defxattn_reg", "ixii"), "has no dataset 'ixii'; did you mean 'ixi'?")
    said(lambda: settings.method("defxattn_reg", "ixi", "sin"), "has no method 'sin'; did you mean 'syn'?")


#: what people write where something else belongs
ODD = [
    None,
    True,
    0,
    -1,
    2.5,
    float("nan"),
    10**30,
    "",
    "x",
    "1e-4",
    "../x",
    "a\nb",
    b"x",
    [],
    [1],
    [None],
    [["x"]],
]
ODD += [
    {},
    {"x": 1},
    {"x": {}},
    {1: 2},
    {None: None},
    {"kind": "x"},
    {"kind": None},
    {"cohort": "mine"},
    {"x"},
]
#: where they write it: places that the configs above do not hold
PLACES = (
    "datasets.ixi.task datasets.ixi.methods datasets.ixi.method_options datasets.ixi.train methods seeds "
    "datasets.ixi.method_options.tm_dca methods.tm_dca methods.tm_dca.net methods.tm_dca.stages train like "
    "methods.tm_dca.stages.main methods.tm_dca.uses methods.tm_dca.train figures figures.fig3 folds "
    "figures.fig3.methods"
)


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from _places(value, (*above, key))


def _put(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    node = copy.deepcopy(node)
    inner = node
    for key in place[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[key]
    inner[place[-1]] = value
    return node


def test_odd_values_anywhere_are_used_or_said():
    full, draw = read_yaml(ROOT / "config/config.yaml"), random.Random(3)
    bases = [merge(full, over) for over in (mine(), made(), table(), joined({"a": {"cohort": "brains_a"}}))]
    cases = [(base, place) for base in bases for place in _places(base)]
    cases += [
        (bases[0], ("overrides", "defxattn_reg", *path.split(".")))
        for path in PLACES.split()
        for _ in range(5)
    ]
    for base, place in draw.sample(cases, 250):
        over = _put(base, place, draw.choice(ODD))
        try:
            plan(over)
        except InputError as error:
            assert "\n" not in str(error)


def test_damaged_config_files_are_used_or_said(tmp_path):
    file, used = tmp_path / "mine.yaml", 0
    for copy_ in damaged(yaml.safe_dump(table()).encode(), 400, seed=4):
        file.write_bytes(copy_)
        try:
            plan(read_config(file))
            used += 1
        except InputError as error:
            assert "\n" not in str(error)
    assert used > 10
