"""Who belongs together stays together: in splits of every form, in folds, and in what is held out."""

import numpy as np
import pytest

from bad_inputs import said
from mlmi2023.cohorts.find.folds import hold_out
from mlmi2023.cohorts.find.groups import groups_of, keep_together
from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.find.splits import by_counts
from mlmi2023.cohorts.forms import load_form, raw_files
from mlmi2023.cohorts.forms.ct_stacks.reader import Stacks, Volume
from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.training.data.tabular import folds as table_folds
from preflight_root import ROOT, load

EYES = [f"{child}_{side}" for child in range(1, 13) for side in ("left", "right")]
COUNTS = {"train": 6, "val": 2, "test": "rest"}


def child(eye):
    return eye.removesuffix("left").removesuffix("right").rstrip("_")


def whole(splits):
    """Every child on one side, and how many children each side has."""
    sides = {}
    for eye, split in splits.items():
        sides.setdefault(child(eye), set()).add(split)
    assert len(sides) == 12 and all(len(own) == 1 for own in sides.values()), sides
    found = [own.pop() for own in sides.values()]
    return {split: found.count(split) for split in ("train", "val", "test")}


def tree(root, *patterns):
    for eye in EYES:
        for pattern in patterns:
            file = root / pattern.replace("{subject}", eye)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return root


def people(root, name, *, torn=False, split=True):
    """Write a table with a split by child; with `torn`, one eye of the last child changes sides."""
    rows = [["subject", "child", "split"]]
    for eye in EYES:
        number = int(child(eye))
        side = "train" if number <= 6 else "val" if number <= 8 else "test"
        rows.append([eye, f"c{number}", "train" if torn and eye == EYES[-1] else side])
    end = "\t" if name.endswith("tsv") else ","
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("".join(end.join(row if split else row[:2]) + "\n" for row in rows))
    return root / name


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("group", ["{group}_*", r"^(\d+)_(?:left|right)$", r"([0-9]+)"])
def test_counts_are_those_of_groups_and_no_group_is_torn(group, seed):
    groups = groups_of("here", {"group": group}, ROOT, EYES)
    assert groups == {eye: child(eye) for eye in EYES}
    splits = by_counts("here", EYES, COUNTS, seed, groups)
    assert whole(splits) == {"train": 6, "val": 2, "test": 4}
    if seed is None:
        assert {eye for eye, split in splits.items() if split == "train"} == set(EYES[:12])


VOLUMES = {"kind": "folder", "images": {"T1w": "{subject}.nii.gz"}}
SCANS = [{"image": "i/{subject}.nii.gz", "labels": "l/{subject}.nii.gz", "split": COUNTS}]
PHASED = {"scans": "{subject}/{phase}.nii.gz", "phases": ["T00", "T50"], "split": COUNTS}


def split_as(form, root, config):
    """Return the split of each eye, as the form finds it before anything is packed."""
    if form == "volumes":
        # ids of volumes have letters and digits only
        plain = {eye.replace("_", ""): eye for eye in EYES}
        return {plain[r.subject]: r.split for r in index_cohort("mine", config, root)}
    if form == "images":
        from mlmi2023.cohorts.forms.images.listing import items, search

        read = config["read"]
        return {row.image: row.split for row in items("mine", config, read, root, search("mine", read, root))}
    if form == "phased_scans":
        from mlmi2023.cohorts.forms.phased_scans.patients import list_patients

        read = {"inhale": "T00", "exhale": "T50", **config["read"]}
        return {p.patient: p.split for p in list_patients("mine", config, read, root)}
    if form == "aligned_scans":
        return {row["subject"]: row["split"] for row in load_form(form)._rows("mine", config, root)}
    from mlmi2023.cohorts.forms.scans.listing import list_scans

    return {row["subject"]: row["split"] for row in list_scans("mine", config, root)}


GRID = {"window": [0, 1], "spacing": [1.0, 1.0, 1.0], "shape": [8, 8, 8]}
FORMS = {
    "volumes": ({**VOLUMES, "split": COUNTS}, ["{subject}.nii.gz"]),
    "images": (
        {"kind": "folder", "form": "images", "read": {"images": "{subject}.png", "masks": "m/{subject}.png"}}
        | {"split": COUNTS},
        ["{subject}.png", "m/{subject}.png"],
    ),
    "scans": (
        {"kind": "folder", "form": "scans", "read": {"window": [0, 1], "groups": SCANS}},
        ["i/{subject}.nii.gz", "l/{subject}.nii.gz"],
    ),
    "aligned_scans": (
        {"kind": "folder", "form": "aligned_scans", "read": {**GRID, "groups": SCANS}},
        ["i/{subject}.nii.gz", "l/{subject}.nii.gz"],
    ),
    "phased_scans": (
        {"kind": "folder", "form": "phased_scans", "read": {**PHASED, **GRID}},
        ["{subject}/T00.nii.gz", "{subject}/T50.nii.gz"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_splits_keeps_groups(form, tmp_path):
    config, patterns = FORMS[form]
    tree(tmp_path, *patterns)
    assert whole(split_as(form, tmp_path, {**config, "group": "{group}_*"})) == {
        "train": 6,
        "val": 2,
        "test": 4,
    }
    people(tmp_path, "people.csv", split=False)
    named = {**config, "group": {"file": "people.csv", "column": "child"}}
    assert whole(split_as(form, tmp_path, named)) == {"train": 6, "val": 2, "test": 4}
    # without the key a child is torn apart where numbers are odd: what the key is for
    odd = dict(COUNTS, train=7)
    apart = {**config, "split": odd} if "split" in config else config
    if form != "volumes" and form != "images":
        read = dict(config["read"])
        if form == "phased_scans":
            read["split"] = odd
        else:
            read["groups"] = [{**SCANS[0], "split": odd}]
        apart = {**config, "read": read}
    with pytest.raises(AssertionError):
        whole(split_as(form, tmp_path, apart))


@pytest.mark.parametrize("form", ["volumes", "images"])
def test_a_table_of_splits_that_tears_a_group_is_refused(form, tmp_path):
    config, patterns = FORMS[form]
    tree(tmp_path, *patterns)
    config = {k: v for k, v in config.items() if k != "split"} | {"split_file": "who.csv", "group": "child"}
    people(tmp_path, "who.csv")
    assert whole(split_as(form, tmp_path, config)) == {"train": 6, "val": 2, "test": 4}
    people(tmp_path, "who.csv", torn=True)
    said(
        lambda: split_as(form, tmp_path, config),
        *(
            "config of cohort" if form == "volumes" else "mine",
            "group 'c12' is torn apart",
            "in test",
            "in train",
        ),
        "give both one split",
    )


def test_images_and_scans_say_so_before_anything_is_packed(tmp_path):
    config, patterns = FORMS["images"]
    tree(tmp_path, *patterns, "i/{subject}.nii.gz", "l/{subject}.nii.gz")
    people(tmp_path, "who.csv", torn=True)
    torn = {k: v for k, v in config.items() if k != "split"} | {"split_file": "who.csv", "group": "child"}
    said(lambda: raw_files("mine", torn, tmp_path), "group 'c12' is torn apart")
    lists = {"train": EYES[:13], "test": EYES[13:]}
    read = {"window": [0, 1], "groups": [{**SCANS[0], "split": lists}]}
    scans = {"kind": "folder", "form": "scans", "read": read, "group": "{group}_*"}
    said(lambda: raw_files("mine", scans, tmp_path), "group '7' is torn apart", "in train", "in test")


def test_bids_takes_the_column_from_its_participants(tmp_path):
    for eye in EYES:
        file = tmp_path / f"sub-{eye.replace('_', '')}/anat/sub-{eye.replace('_', '')}_T1w.nii.gz"
        file.parent.mkdir(parents=True)
        file.touch()
    table = people(tmp_path, "participants.tsv", torn=True)
    table.write_text(table.read_text().replace("subject", "participant_id").replace("_left", "left"))
    config = {"kind": "bids", "group": "child"}
    said(lambda: index_cohort("mine", config, tmp_path), "group 'c12' is torn apart")
    own = index_cohort("mine", {**config, "split": COUNTS}, tmp_path)
    assert whole({r.subject: r.split for r in own}) == {"train": 6, "val": 2, "test": 4}


def csv_of_eyes(root):
    draw = np.random.default_rng(0)
    rows = ["eye,age,pressure,child,ill"]
    rows += [f"{e},{draw.normal():.3f},{draw.normal():.3f},c{child(e)},{int(child(e)) % 2}" for e in EYES]
    (root / "eyes.csv").write_text("\n".join(rows) + "\n")


TABLE = {
    "kind": "folder",
    "form": "table",
    "read": {"file": "eyes.csv", "subject": "eye", "target": "ill"},
    "folds": {"count": 3, "seed": 1},
}


@pytest.mark.parametrize("group", ["child", "{group}_*"])
def test_folds_of_a_table_and_what_is_held_out_keep_groups(group, tmp_path):
    csv_of_eyes(tmp_path)
    own = {**TABLE, "group": group}
    if group != "child":
        own = {**own, "read": {**TABLE["read"], "drop": ["child"]}}
    load_form("table").pack(own, tmp_path, tmp_path / "packed", "mine")
    table = open_table(tmp_path / "packed")
    assert [column.name for column in table.columns] == ["age", "pressure"]  # who it is, is no feature
    folds = list(table_folds(table, {"target": "ill", "validation": 0.3}))
    assert len(folds) == 3 and sum(len(fold.test) for fold in folds) == len(EYES)
    for fold in folds:
        parts = [{child(table.subjects[row]) for row in rows} for rows in (fold.train, fold.val, fold.test)]
        assert all(parts) and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_what_is_held_out_by_groups_is_what_is_held_out_by_rows_where_each_is_one():
    labels, rows = np.arange(40) % 3, np.arange(5, 40)
    for found, wanted in zip(
        hold_out(labels, rows, 0.2, 1, [str(n) for n in range(40)]), hold_out(labels, rows, 0.2, 1)
    ):
        assert np.array_equal(found, wanted)


def test_folds_of_scans_and_volumes_with_thick_slices_keep_groups(tmp_path):
    from mlmi2023.cohorts.find.folds import stratified_folds

    groups = groups_of("here", {"group": "{group}_*"}, tmp_path, EYES)
    dealt = stratified_folds("here", [0] * len(EYES), [groups[eye] for eye in EYES], 4, 0)
    assert all(dealt[n] == dealt[n + 1] for n in range(0, len(EYES), 2)) and set(dealt) == {0, 1, 2, 3}
    volumes = tuple(Volume(e, "all", "", (), tmp_path, child(e)) for e in EYES[:6])
    assert [v.name for v in Stacks("x", volumes, "").others(volumes[2])] == [*EYES[:2], *EYES[4:6]]


def test_ct_stacks_refuse_a_patient_on_two_sides(tmp_path):
    files = {eye: f"{eye}.nii.gz" for eye in EYES[:4]}
    tree(tmp_path, "{subject}.nii.gz")
    sides = dict.fromkeys(EYES[:3], "train") | {EYES[3]: "test"}
    config = {"kind": "folder", "form": "ct_stacks", "group": "{group}_*"}
    said(
        lambda: raw_files("mine", {**config, "read": {"volumes": files, "splits": sides}}, tmp_path),
        *("group '2' is torn apart", EYES[2], EYES[3]),
    )
    assert len(raw_files("mine", {**config, "read": {"volumes": files}}, tmp_path)) == 4


def test_the_atlas_counts_as_training():
    said(lambda: keep_together("here", {"a": "atlas", "b": "test"}, {"a": "1", "b": "1"}), "a is in train")
    keep_together("here", {"a": "atlas", "b": "train"}, {"a": "1", "b": "1"})


MISTAKES = {
    "no bracket": ("group", "(?:x)", "round brackets"),
    "broken": ("group", "(x", "no regular expression"),
    "twice": ("group", "{group}_{group}", "write {group} once"),
    "another type": ("group", {"file": "a.csv"}, "needs file and column"),
    "unfit": ("group", "{group}#*", "does not fit subject '1_left'"),
    "no table": ("group", "child", "participants.tsv"),
    "no column": ("group", {"file": "people.csv", "column": "parent"}, "people.csv: needs the columns"),
    "no row": ("group", {"file": "few.csv", "column": "child"}, "few.csv: subject 12_right has no child"),
    "empty": ("group", {"file": "gap.csv", "column": "child"}, "gap.csv: subject 3_left has no child"),
    "two rows": ("group", {"file": "two.csv", "column": "child"}, "two.csv: subject 1_left is in the groups"),
    "too many": ("split", {"train": 20, "test": 4}, "asks for 24 groups but 12 are there"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_with_groups_are_one_line(case, tmp_path):
    config, patterns = FORMS["volumes"]
    tree(tmp_path, *patterns)
    text = people(tmp_path, "people.csv", split=False).read_text()
    (tmp_path / "few.csv").write_text(text.replace("12_right,c12\n", ""))
    (tmp_path / "gap.csv").write_text(
        text.replace("3_left,c3\n", "3_left,\n", 1).replace("13_left,", "13_left,c")
    )
    (tmp_path / "two.csv").write_text(text + "1_left,c9\n")
    key, value, words = MISTAKES[case]
    own = {**config, "group": "{group}_*", key: value}
    said(lambda: index_cohort("mine", own, tmp_path), words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"group": "(x"}, "no regular expression"),
        (
            {"group": "a", "kind": "simulated", "simulator": "brain", "seed": 1},
            "no meaning for kind simulated",
        ),
        ({"group": "a", "form": "exams", "read": {}}, "no meaning for the form exams"),
    ],
)
def test_a_group_without_meaning_is_refused_when_the_workflow_loads(change, words):
    cohort = {"kind": "folder", "root": "x", "images": {"T1w": "{subject}.nii.gz"}, "split": {"test": 3}}
    cohort |= {"preprocess": {"grid": {"shape": [32, 32, 32], "spacing": 5}}} if "form" not in change else {}
    cohort |= {"subjects": {"test": 1}} if "kind" in change else {}
    over = {"defxattn_reg": {"datasets": {"ixi": {"cohort": "mine"}}}}
    said(lambda: load(ROOT, {"cohorts": {"mine": {**cohort, **change}}, "overrides": over}), words)
