"""From a method to its scores on a cohort of known fields: what is stored, timed, measured and refused."""

import json

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.fields.displacement import warp_labels
from mlmi2023.tasks.registration import figures
from mlmi2023.tasks.registration.measures import MEASURES, Registered, structures
from mlmi2023.tasks.registration.methods import Method, make_method, on_device
from mlmi2023.tasks.registration.pairs import Pair, held_out_pairs
from mlmi2023.tasks.registration.predict import Work, register_pairs
from mlmi2023.tasks.registration.score import score_pairs
from mlmi2023.tasks.registration.stored import read_cases, read_field, write_field
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import Runs
from registration_data import SHAPE, SPACING, make_warped


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_warped(tmp_path_factory.mktemp("warped") / "packed")


def job_of(cohort, kind="learned", metrics=tuple(MEASURES), **options):
    task = {"kind": "atlas_to_patient", "metrics": list(metrics)}
    options = {"kind": kind, **options}
    return Job("any", "warped", "m", 0, cohort[0], task=task, method_options=options, device="cpu")


def run(cohort, job, out, method):
    packed = open_packed(cohort[0])
    pairs = held_out_pairs(packed, job.task)
    register_pairs(job, [Work(method, pairs)], Volumes(packed, "T1w", "T1w"), out)
    return list(score_pairs(job, out))


def table(values, case="a-to-d"):
    return {(value.metric, value.label): value.value for value in values if value.case == case}


def test_the_true_field_is_perfect_and_its_negative_swapped_axes_and_nothing_are_not(cohort, tmp_path):
    u = cohort[1][3]
    wrong = {"negative": -u, "axes": u[[1, 0, 2]], "mirrored": u[:, ::-1].copy(), "nothing": 0 * u}
    good = table(run(cohort, job_of(cohort), tmp_path / "good", Method(lambda m, f: u)))
    assert good["dice", "mean"] > 0.98 and good["tre", ""] < 0.01 and good["hd95", "mean"] < 0.5
    assert good["pct_fold", ""] == 0 < good["sdlogj", ""] and good["seconds", ""] >= 0
    assert {label for metric, label in good if metric == "dice"} == {"mean", "shell", "core", "spot"}
    for name, field in wrong.items():
        bad = table(run(cohort, job_of(cohort), tmp_path / name, Method(lambda m, f, u=field: u)))
        assert bad["dice", "mean"] < good["dice", "mean"] - 0.1 and bad["tre", ""] > 0.5, name
        assert bad["hd95", "mean"] > good["hd95", "mean"], name


def test_a_label_that_is_shifted_by_one_is_seen(cohort):
    packed, u = open_packed(cohort[0]), cohort[1][3]

    class Shifted:
        """The same cohort with every structure under the next one's label, on the moving side alone."""

        def __getattr__(self, name):
            if name != "labels":
                return getattr(packed, name)
            maps = np.array(packed.labels)
            maps[0][maps[0] > 0] += 1
            return maps

    for one, expected in ((packed, 0.98), (Shifted(), 0.0)):
        found = {v.label: v.value for v in MEASURES["dice"]("dice", Registered(Pair("x", 0, 3), u, one, {}))}
        assert (found["core"] > expected) if expected else (found["core"] < 0.5 and found["spot"] < 0.5)


def test_labels_are_warped_as_the_task_says(cohort):
    packed, u = open_packed(cohort[0]), cohort[1][3] + 0.3
    found = {}
    for how, mode in (("nearest", "nearest"), ("linear", "bilinear")):
        own = Registered(Pair("x", 0, 3), u, packed, {"label_warp": how})
        source = torch.from_numpy(np.array(packed.labels[0]))[None, None]
        assert (own.maps[0] == warp_labels(source, torch.from_numpy(u)[None], mode)[0, 0].numpy()).all()
        found[how] = own.maps[0]
    assert (found["nearest"] != found["linear"]).any()
    assert (Registered(Pair("x", 0, 3), u, packed, {}).maps[0] == found["nearest"]).all()
    with pytest.raises(InputError, match=r"task\.label_warp is 'spline'; choose nearest or linear"):
        Registered(Pair("x", 0, 3), u, packed, {"label_warp": "spline"}).maps  # noqa: B018


def test_controls_bracket_have_no_time_and_the_ceiling_has_no_field(cohort, tmp_path):
    found = {}
    for kind in ("identity", "truth"):
        job = job_of(cohort, kind)
        found[kind] = table(run(cohort, job, tmp_path / kind, make_method(job, SPACING, {})))
    assert found["truth"]["dice", "mean"] == 1 and found["truth"]["tre", ""] == 0
    assert found["identity"]["dice", "mean"] < 0.9 and found["identity"]["tre", ""] > 0.5
    assert not {("seconds", ""), ("sdlogj", "")} & set(found["truth"]) and not list(
        tmp_path.glob("truth/*.npz")
    )
    assert ("seconds", "") not in found["identity"] and found["identity"]["ndv", ""] == 0
    with pytest.raises(InputError, match=r"m\.kind is 'best'; choose identity, truth"):
        make_method(job_of(cohort, "best"), SPACING, {})


def test_networks_see_moving_first_run_warm_and_are_listed_by_folder(cohort, tmp_path):
    packed, seen = open_packed(cohort[0]), []

    def register(moving, fixed):
        seen.append((moving, fixed))
        return torch.zeros(1, 3, *SHAPE)

    pairs = held_out_pairs(packed, job_of(cohort).task)
    method = on_device(register, torch.device("cpu"))
    work = [Work(method, pairs[:1], "0"), Work(Method(lambda m, f: cohort[1][4]), pairs[1:], "0")]
    volumes = Volumes(packed, "T1w", "T2w")
    register_pairs(job_of(cohort), work, volumes, tmp_path / "out", {"chosen": [3]})
    assert len(seen) == 2  # one pair and a warm start
    assert (seen[0][0][0, 0].numpy() == packed.images("T1w")[0]).all()
    assert (seen[0][1][0, 0].numpy() == packed.images("T2w")[3]).all()
    assert [pair.case for pair, _ in read_cases(tmp_path / "out/0")] == ["a-to-d", "a-to-e"]
    assert json.loads((tmp_path / "out/chosen.json").read_text()) == [3]
    assert read_field(tmp_path / "out/0", "a-to-e", SHAPE) == pytest.approx(cohort[1][4], abs=2e-3)


def test_a_method_that_is_not_installed_has_no_rows(cohort, tmp_path):
    job = job_of(cohort, "niftyreg", folder=str(tmp_path))
    assert run(cohort, job, tmp_path / "out", make_method(job, SPACING, {})) == []


def test_fields_that_are_not_finite_or_not_ours_are_one_line(cohort, tmp_path):
    u = np.zeros((3, *SHAPE), np.float32)
    for value in (np.nan, np.inf, 1e6):  # the last is beyond float16
        u[0, 2, 2, 2] = value
        with pytest.raises(InputError, match="method 'm' gave a field with NaN or infinity for a-to-d"):
            run(cohort, job_of(cohort), tmp_path / "out", Method(lambda m, f: u))
    assert not (tmp_path / "out").exists()
    write_field(tmp_path, "x", np.zeros((3, 2, 2, 2)), "m")
    with pytest.raises(InputError, match=r"x\.npz: has shape \(3, 2, 2, 2\), not \(3, 20, 24, 16\)"):
        read_field(tmp_path, "x", SHAPE)
    np.savez(tmp_path / "y.npz", u=np.zeros((3, *SHAPE)))
    with pytest.raises(InputError, match="holds no displacement"):
        read_field(tmp_path, "y", SHAPE)
    with pytest.raises(InputError, match=r"task\.metrics names 'iou'; choose from dice"):
        list(score_pairs(job_of(cohort, metrics=["iou"]), tmp_path))


def test_equal_names_get_their_number_and_unknown_labels_are_named(cohort):
    packed = open_packed(cohort[0])
    packed.label_names = {1: "left", 2: "left", 3: "right"}
    assert structures(packed, {}) == {1: "left (1)", 2: "left (2)", 3: "right"}
    assert structures(packed, {"labels": [2, 3]}) == {2: "left", 3: "right"}
    with pytest.raises(InputError, match="names 7, which cohort 'warped' lacks"):
        structures(packed, {"labels": [7]})


def test_figures_pull_as_warping_does_and_grids_show_where_from(cohort, tmp_path):
    packed, u = open_packed(cohort[0]), cohort[1][3]
    job = job_of(cohort)
    run(cohort, job, tmp_path / "m", Method(lambda m, f: u))
    runs = Runs({"m": job}, {}, {"m": tmp_path / "m"}, {"m": "M"})
    [pair, _] = figures.shown_pairs(runs)
    moving, fixed = Volumes(packed, "T1w", "T1w").arrays(pair)
    image = figures.warped(moving, figures.field_of(runs, "m", pair))
    assert np.abs(image - fixed).max() < 0.01 < np.abs(moving - fixed).max()
    figure, [[axes, other]] = figures.sheet(1, 2, (4, 2))
    figures.show(axes, image[:, :, 8])
    assert axes.images[0].get_array().shape == SHAPE[1::-1] and axes.images[0].origin == "lower"
    figures.show_grid(other, np.stack([np.full(SHAPE[:2], 1.5), np.full(SHAPE[:2], -2.0)]))
    first, *_ = other.collections[0].get_segments()
    assert first[0].tolist() == [1.5, -2.0] and first[-1].tolist() == [1.5, SHAPE[1] - 3.0]
    figure.clear()
