"""Mistakes in a paper's own files, by hand: each is one line at load, with the place and the fix."""

import pytest

from mlmi2023.core.errors import InputError
from preflight_root import load, make_root

SLUG = "fine_grained_wavelet"
CONFIG, REPORTED = f"config/papers/{SLUG}.yaml", f"resources/papers/{SLUG}.yaml"


def put(*path_and_value):
    """Return an edit that sets the value at a path of keys, numbers and ids."""

    def edit(content):
        *path, last, value = path_and_value
        node = content
        for step in path:
            if isinstance(node, list) and isinstance(step, str):
                node = next(item for item in node if item.get("id") == step)
            else:
                node = node[step]
        if last == "+":
            node.append(value)
        else:
            node[last] = value

    return edit


def extra_method(content):
    content["all"]["methods"]["fett"] = content["all"]["methods"]["fet"]
    content["all"]["datasets"]["synapse"]["methods"].append("fett")


TRAIN = ("all", "train")
NET = ("all", "methods", "fet", "net")
TASK = ("all", "datasets", "synapse", "task")
MISTAKES = {
    # in how the paper runs
    "train key": (
        CONFIG,
        put(*TRAIN, "optimizer", "adam"),
        "unknown key 'train.optimizer'; did you mean 'optimiser'?",
    ),
    "train word": (
        CONFIG,
        put(*TRAIN, "optimiser", "adamm"),
        "key 'train.optimiser' is 'adamm'; did you mean 'adam'?",
    ),
    "loss key": (
        CONFIG,
        put(*TRAIN, "loss", "wights", [1, 1]),
        "unknown key 'train.loss.wights'; did you mean 'weights'?",
    ),
    "loss kind": (
        CONFIG,
        put(*TRAIN, "loss", "kind", "dise"),
        "key 'train.loss.kind' is 'dise'; did you mean 'dice'?",
    ),
    "loss weights": (
        CONFIG,
        put(*TRAIN, "loss", "weights", [0.5]),
        "'train.loss.weights' is [0.5]; give a list of 2 values",
    ),
    "augmentation": (
        CONFIG,
        put(*TRAIN, "augment", "rotation", 3),
        "unknown key 'train.augment.rotation'; did you mean 'rotate'?",
    ),
    "chance above one": (
        CONFIG,
        put(*TRAIN, "augment", "warp", 1.5),
        "'train.augment.warp' is 1.5; it must lie between 0 and 1",
    ),
    "negative steps": (
        CONFIG,
        put("demo", "train", "steps", -40),
        "key 'train.steps' is -40; it must be at least 1",
    ),
    "steps in words": (
        CONFIG,
        put("demo", "train", "steps", "40"),
        "'train.steps' is '40'; give a whole number without quotes",
    ),
    "broken epochs": (
        CONFIG,
        put("demo", "train", "epoch_steps", 30),
        "steps (40) must be a multiple of epoch_steps (30)",
    ),
    "rate as text": (
        CONFIG,
        put(*TRAIN, "learning_rate", "5e-2"),
        "'train.learning_rate' is '5e-2'; give a number",
    ),
    "negative rate": (
        CONFIG,
        put(*TRAIN, "learning_rate", -0.1),
        "key 'train.learning_rate' is -0.1; it must be above 0",
    ),
    "batch of none": (
        CONFIG,
        put("demo", "train", "batch", 0),
        "key 'train.batch' is 0; it must be at least 1",
    ),
    "precision": (CONFIG, put(*TRAIN, "precision", "64"), "key 'train.precision' is '64'; choose 32 or bf16"),
    "method kind": (
        CONFIG,
        put("all", "methods", "fet", "kind", "learnd"),
        "key 'methods.fet.kind' is 'learnd'; did you mean 'learned'?",
    ),
    "network": (
        CONFIG,
        put(*NET, "name", "fett"),
        "key 'methods.fet.net.name' is 'fett'; did you mean 'fet'?",
    ),
    "network key": (
        CONFIG,
        put(*NET, "level", 3),
        "unknown key 'methods.fet.net.level'; did you mean 'levels'?",
    ),
    "network type": (
        CONFIG,
        put(*NET, "levels", 3.5),
        "key 'methods.fet.net.levels' is 3.5; give a whole number",
    ),
    "true for a number": (
        CONFIG,
        put(*NET, "bridge", True),
        "key 'methods.fet.net.bridge' is true; give a whole number",
    ),
    "list too short": (
        CONFIG,
        put("demo", "methods", "fet", "net", "widths", [8, 8]),
        ".net.widths' is [8, 8]; give a list of 4 values",
    ),
    "method nowhere": (
        CONFIG,
        put("all", "datasets", "synapse", "methods", "+", "fit"),
        "unknown method 'fit'; did you mean 'fet'?",
    ),
    "no method": (
        CONFIG,
        put("demo", "datasets", "isic2018", "methods", []),
        "'datasets.isic2018.methods' is []",
    ),
    "options of nobody": (
        CONFIG,
        put("all", "datasets", "synapse", "method_options", {"feet": {"net": {}}}),
        "unknown method 'datasets.synapse.method_options.feet'; did you mean 'fet'?",
    ),
    "options as a list": (
        CONFIG,
        put("all", "datasets", "synapse", "method_options", ["fet"]),
        "'datasets.synapse.method_options'",
    ),
    "uses itself": (
        CONFIG,
        put("all", "methods", "fet", "uses", ["fet"]),
        "'fet' uses 'fet' in turn; break the circle",
    ),
    "name with a blank": (
        CONFIG,
        put("all", "methods", "f et", {"kind": "truth"}),
        "key 'methods.f et': use letters, digits and _",
    ),
    "task kind": (
        CONFIG,
        put(*TASK, "kind", "slice"),
        "key 'datasets.synapse.task.kind' is 'slice'; did you mean 'slices'?",
    ),
    "task key": (
        CONFIG,
        put(*TASK, "organ", {"liver": 6}),
        "unknown key 'datasets.synapse.task.organ'; did you mean 'organs'?",
    ),
    "task value": (
        CONFIG,
        put(*TASK, "organs", {"liver": "six"}),
        "'datasets.synapse.task.organs.liver' is 'six'; give a whole number",
    ),
    "cohort": (
        CONFIG,
        put("all", "datasets", "synapse", "cohort", "abdominal_slice"),
        "did you mean 'abdominal_slices'?",
    ),
    "folds nobody has": (
        CONFIG,
        put("all", "folds", 5),
        "key 'folds' is 5, cohort 'abdominal_slices' of dataset 'synapse' has 1",
    ),
    "scale": (CONFIG, put("benhc", {}), "unknown key 'benhc'; did you mean 'bench'?"),
    "part of a scale": (CONFIG, put("demo", 40), "key 'demo' is 40; give it keys"),
    "dataset undeclared": (
        CONFIG,
        put(
            "all",
            "datasets",
            "synaps",
            {"cohort": "abdominal_slices", "task": {"kind": "slices", "size": [64, 64]}, "methods": ["fet"]},
        ),
        "has 'synaps', which resources/papers/fine_grained_wavelet.yaml does not declare",
    ),
    "method undeclared": (
        CONFIG,
        extra_method,
        "has 'fett', which resources/papers/fine_grained_wavelet.yaml does not declare",
    ),
    "figure id": (
        CONFIG,
        put("all", "figures", "picture", {"dataset": "synapse", "methods": ["fet"], "caption": "x"}),
        "must begin with 'fig'",
    ),
    "figure of a method": (
        CONFIG,
        put("all", "figures", "fig3", "methods", ["fet", "tmu_net"]),
        "'figures.fig3.methods' has 'tmu_net', which does not run",
    ),
    "figure without code": (
        CONFIG,
        put("all", "figures", "fig33", {"dataset": "synapse", "methods": ["fet"], "caption": "x"}),
        "'figures.fig33': FIGURES in papers/fine_grained_wavelet/figures.py has no such figure",
    ),
    "figure of a dataset": (
        CONFIG,
        put("all", "figures", "fig3", "dataset", "synapsis"),
        "is 'synapsis', which is none of the datasets; did you mean 'synapse'?",
    ),
    # in what the paper reports
    "table id": (REPORTED, put("tables", 0, "id", "results"), "tables: id 'results' must begin with 'table'"),
    "reported figure id": (
        REPORTED,
        put("figures", 0, "id", "plot3"),
        "figures: id 'plot3' must begin with 'fig'",
    ),
    "figure never drawn": (
        REPORTED,
        put("figures", "+", {"id": "fig33", "shows": "x"}),
        "figures: 'fig33' is never drawn",
    ),
    "slug": (REPORTED, put("slug", "wavelet"), "slug is 'wavelet'; it must be the file's name"),
    "method never run": (
        REPORTED,
        put("methods", "+", {"id": "fett", "name": "x", "role": "baseline"}),
        "methods: 'fett' never runs, since config/papers/fine_grained_wavelet.yaml has no such method",
    ),
    "claim of a dataset": (
        REPORTED,
        put("claims", 0, "check", "dsc[fet, dataset=synapsis] > dsc[baseline, dataset=synapse]"),
        "unknown dataset 'synapsis'",
    ),
    "claim of a metric": (
        REPORTED,
        put("claims", 0, "check", "dise[fet] > dise[baseline]"),
        "unknown metric 'dise'",
    ),
    "claim not parsed": (REPORTED, put("claims", 0, "check", "dsc[fet] >"), "column"),
    "margin": (REPORTED, put("claims", 0, "margin", 99.0), "margin 99 is not what"),
    "table of a method": (REPORTED, put("tables", 0, "rows", 0, "method", "feet"), "unknown method 'feet'"),
    "table column": (REPORTED, put("tables", 0, "columns", "+", "hd59"), "unknown metric 'hd59'"),
    "role": (REPORTED, put("methods", 0, "role", "base"), "'base' is not one of"),
    "resources file": (REPORTED, None, f"{REPORTED}: no such file; what the paper reports belongs there"),
    "config file": (CONFIG, None, f"{CONFIG}: no such file; how the paper runs belongs there"),
    "key twice": (
        CONFIG,
        "all: {}\ndemo: {}\ndemo: {seeds: [1]}\n",
        "key 'demo' is there twice in the mapping from line 1",
    ),
    "no YAML": (REPORTED, "slug: [", "not valid YAML"),
    "empty": (CONFIG, "", "holds no keys; give it all, demo, bench, paper"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_papers_files_is_one_line(tmp_path, name):
    file, edit, said = MISTAKES[name]
    root = make_root(tmp_path, {file: edit})
    with pytest.raises(InputError) as error:
        load(root, {"papers": [SLUG]})
    text = str(error.value)
    assert said in text and "\n" not in text and len(text) < 400
    assert SLUG in text


def test_an_unchanged_copy_has_no_mistake(tmp_path):
    load(
        make_root(tmp_path, {CONFIG: lambda content: None, REPORTED: lambda content: None}),
        {"papers": [SLUG]},
    )


def test_a_metric_that_is_not_declared(tmp_path):
    def edit(content):
        content["all"]["datasets"]["ixi"]["task"]["metrics"].append("hd59")

    root = make_root(tmp_path, {"config/papers/defxattn_reg.yaml": edit})
    with pytest.raises(InputError, match=r"has 'hd59', which .* its metrics; did you mean 'hd95'"):
        load(root, {"papers": ["defxattn_reg"]})


def test_a_paper_without_models_is_told_where_they_belong(tmp_path):
    root = make_root(tmp_path, {})
    for kind in ("config", "resources"):
        text = (root / f"{kind}/papers/{SLUG}.yaml").read_text()
        (root / f"{kind}/papers/new_paper.yaml").write_text(text.replace(f"slug: {SLUG}", "slug: new_paper"))
    with pytest.raises(InputError, match=r"papers/new_paper/options\.py: no such file; the keys of"):
        load(root, {"papers": ["new_paper"]})


def test_only_papers_that_are_asked_for_are_checked(tmp_path):
    root = make_root(tmp_path, {CONFIG: put(*TRAIN, "optimizer", "adam")})
    settings = load(root, {"papers": ["ia_gcn"]})
    with pytest.raises(InputError, match="did you mean 'optimiser'"):
        settings.paper(SLUG)
