import copy
from pathlib import Path

import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.claims.checks import reported_effects
from mlmi2023.reporting.read_reported import load_reported, parse_reported
from reporting_data import PAPER

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "resources/papers").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_papers_file_is_valid(path):
    made = load_reported(path)
    assert made.slug == path.stem
    assert made.controls("floor") and made.controls("ceiling")


def test_what_the_registration_paper_reports():
    made = load_reported(ROOT / "resources/papers/defxattn_reg.yaml")
    margins = {claim.id: claim.margin for claim in made.claims.values()}
    assert margins == {"c1": 0.004, "c2": 0.002, "c3": 0.012, "c4": 0.014, "c5": 0.002, "c6": 6.26}
    for claim in made.claims.values():
        assert reported_effects(claim, made) == [pytest.approx(claim.margin)]
    oasis = {row.method: row.values for row in made.tables["table1_oasis"].rows}
    assert oasis["tm_dca"]["hd95"].mean > oasis["tm_tvf"]["hd95"].mean  # TM-DCA has not the best HD95
    alberts = {row.method: row.values["pct_fold"].mean for row in made.tables["table1_alberts"].rows}
    assert max(alberts, key=alberts.get) == "tm_dca"  # and folds the most on ALBERTs


def change(*path, value):
    content = copy.deepcopy(PAPER)
    node = content
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (change("titel", value="x"), "'titel' was unexpected"),
        (change("methods", 0, "role", value="best"), "methods / a / role: 'best' is not one of"),
        (
            change("methods", 4, value={"id": "low", "name": "Low", "role": "control"}),
            "methods / low: lacks 'control'",
        ),
        (change("methods", 1, "id", value="a"), "methods: id 'a' is there twice"),
        (change("tables", 0, "dataset", value="d9"), "table1: unknown dataset 'd9'; known: d1, d2"),
        (change("tables", 0, "columns", value=["dice", "iou"]), "unknown metric 'iou'"),
        (change("tables", 0, "rows", 0, "method", value="z"), "unknown method 'z'"),
        (change("tables", 0, "rows", 0, "values", value={"params": 1}), "unknown column 'params'"),
        (change("tables", 0, "rows", 1, "method", value="b"), "'b' has two rows"),
        (change("tables", 0, "rows", 0, "values", value={"dice": {"sd": 1}}), "table1"),
        (
            change("claims", 0, "check", value="dice[a] > dice[q]"),
            "claim c1: check: 'dice[a] > dice[q]' column 11",
        ),
        (change("claims", 0, "margin", value=-0.05), "margin -0.05 is not what table1 gives (0.05)"),
    ],
)
def test_mistakes_have_one_line(content, message):
    with pytest.raises(InputError) as error:
        parse_reported(content, "toy.yaml")
    text = str(error.value)
    assert text.startswith("toy.yaml: ") and message in text and "\n" not in text


def test_files_that_are_absent_or_no_yaml(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_reported(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_text("a: [1\nb: {")
    with pytest.raises(InputError, match="not valid YAML") as error:
        load_reported(tmp_path / "x.yaml")
    assert "\n" not in str(error.value)


def test_reading_needs_no_heavy_import():
    import subprocess
    import sys

    code = (
        "import sys; from mlmi2023.reporting.read_reported import load_reported;"
        f"load_reported({str(ROOT / 'resources/papers/defxattn_reg.yaml')!r});"
        "print([m for m in ('torch', 'pandas', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
