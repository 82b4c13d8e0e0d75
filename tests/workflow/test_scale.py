"""Large DAGs: what reruns after a change, and what planning the whole proceedings costs."""

import re
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import scale

from synthetic_tree import Size, make_tree, write

SMALL = Size(papers=3, seeds=2, cohorts=2, subjects=30)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = make_tree(tmp_path_factory.mktemp("scale") / "tree", SMALL)
    scale.finish(place)
    return place


@pytest.fixture
def change(finished):
    """Change a YAML file of the finished tree for one test."""
    before = {}

    def edit(name, way, value):
        path = finished / name
        before.setdefault(path, path.read_text())
        content = yaml.safe_load(path.read_text())
        inner = content
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = value
        write(path, content)

    yield edit
    for path, text in before.items():
        path.write_text(text)


def planned(place):
    """Return the messages of all jobs that a dry run would start."""
    said = scale.snakemake(place, "--dry-run").said
    return re.findall(r"^Job \d+: (.*)$", said, flags=re.M)


def test_a_finished_tree_has_nothing_to_do(finished):
    assert "Nothing to be done" in scale.plan(finished).said


def test_a_change_of_one_paper_reruns_its_own_jobs_alone(finished, change):
    change("config/papers/synthetic_01.yaml", ["all", "train", "batch"], 4)
    jobs = planned(finished)
    others = [job for job in jobs if "synthetic_01" not in job and "overview" not in job]
    assert not others, others[:5]
    trained = SMALL.datasets * SMALL.methods * SMALL.seeds
    assert sum(job.startswith("train ") for job in jobs) == trained
    # controls are not trained, so nothing that they depend on has changed
    assert not any("floor" in job or "ceiling" in job for job in jobs)


def test_a_change_of_one_method_reruns_that_method_alone(finished, change):
    change("config/papers/synthetic_02.yaml", ["all", "methods", "method_3", "width"], 99)
    jobs = planned(finished)
    runs = [job for job in jobs if job.startswith(("train ", "run and score "))]
    assert len(runs) == 2 * SMALL.datasets * SMALL.seeds
    assert all(" method_3 on " in job and "(synthetic_02," in job for job in runs), runs[:5]
    rest = {re.sub(r"table\d", "table", job) for job in jobs if job not in runs}
    assert all("synthetic_02" in job or "overview" in job for job in rest), rest


def test_a_new_summary_rewrites_the_page_alone(finished, change):
    change("config/papers/synthetic_00.yaml", ["all", "summary"], "Other words.")
    assert planned(finished) == ["write the page of synthetic_00", "write the overview of all papers"]


def test_a_new_seed_leaves_what_is_there_alone(finished, change):
    change("config/papers/synthetic_00.yaml", ["all", "seeds"], [0, 1, 2])
    runs = [job for job in planned(finished) if job.startswith(("train ", "run and score "))]
    assert len(runs) == 2 * SMALL.datasets * SMALL.methods
    assert all(job.endswith("(synthetic_00, seed 2)") for job in runs), runs[:5]


def test_a_change_of_a_cohorts_grid_leaves_the_steps_before_it_alone(finished, change):
    change("config/cohorts/cohort_0.yaml", ["paper", "preprocess", "grid", "spacing"], 1.5)
    jobs = planned(finished)
    assert any("common grid, cohort_0" in job for job in jobs)
    assert not any("cohort_1," in job or "N4" in job or "affine" in job for job in jobs)


@pytest.mark.slow
@pytest.mark.xdist_group("scale")
def test_the_whole_proceedings_can_be_planned(tmp_path):
    """More than 5,000 jobs. The seconds are in the report: they are the machine's, the memory is ours."""
    place = make_tree(tmp_path / "tree", Size())
    scale.REPORT.unlink(missing_ok=True)
    # a process counts the memory of the one it came from as its own, and this one has torch in it
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        done = pool.submit(scale.plan, place).result()
    print(scale.note("dry run, nothing made", done))
    assert done.jobs["total"] > 5_000
    assert done.memory < 330
