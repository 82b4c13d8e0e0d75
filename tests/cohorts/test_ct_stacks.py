"""The chest CT stand-in, and real volumes: NIfTI, DICOM, trees of empty files."""

import locale

import numpy as np
import pytest

from mlmi2023.cohorts.formats.dicom import keep_locale, read_series
from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.ct_stacks import form
from mlmi2023.cohorts.forms.ct_stacks.reader import open_stacks
from mlmi2023.cohorts.sources.simulators.chest_ct.cohort import simulate
from mlmi2023.cohorts.sources.simulators.chest_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.chest_ct.phantom import paint
from mlmi2023.cohorts.sources.simulators.chest_ct.scanner import expose, form_slices
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import tree_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT
from sr4zct_data import CONFIG, packed_cohort, raw_cohort


def test_slices_are_means_of_the_fine_layers_they_cover():
    fine = np.zeros((160, 2, 2), np.float32)
    fine[60:72] = 100.0  # a plate from 15 to 18 mm in layers of 0.25 mm
    slices, centres = form_slices(fine, 0.25, 5.0, 2.5)
    assert np.allclose(np.diff(centres), 2.5)
    covered = np.clip(np.minimum(centres + 2.5, 18) - np.maximum(centres - 2.5, 15), 0, None)
    assert np.abs(slices[:, 0, 0] - 100 * covered / 5).max() <= 0.5
    # a broken number of layers
    slices, centres = form_slices(fine, 0.25, 3.7, 2.4)
    covered = np.clip(np.minimum(centres + 1.85, 18) - np.maximum(centres - 1.85, 15), 0, None)
    assert np.abs(slices[:, 0, 0] - 100 * covered / 3.7).max() <= 0.5


def test_scans_and_reference_are_integrals_of_one_phantom():
    cohort = open_stacks(packed_cohort())
    volume = cohort.volumes[1]
    reference = volume.reference().astype(float)
    stack = next(s for s in volume.stacks if (s.thickness, s.overlap) == (5, 2))
    edges = stack.centres() - 2.5
    whole = np.abs(edges - np.round(edges)) < 1e-6  # slices that cover whole rows of the reference
    assert whole.sum() > 3
    for slice_, edge in zip(stack.array()[whole], edges[whole]):
        start = round(edge)
        assert np.abs(slice_ - reference[start : start + 5].mean(axis=0)).max() <= 1.01  # both are rounded
    assert [s.overlap for s in volume.stacks] == [2.5, 2, 1.3]


def test_the_phantom_has_fine_structures_and_noise_falls_with_thickness():
    options = read_options({"options": {"shape": [40, 48, 48], "noise": {"sd": [30.0, 30.0]}}})
    rng = np.random.default_rng(3)
    fine = paint(rng, options)
    assert fine.shape == (160, 96, 96) and fine.min() < -900 and fine.max() > 300
    flat = expose(rng, np.zeros_like(fine), options)
    thin, thick = (form_slices(flat, 0.25, t, t)[0].std() for t in (1.0, 4.0))
    assert thin == pytest.approx(30, rel=0.05) and thick == pytest.approx(15, rel=0.08)


def test_same_seed_same_bytes_whatever_the_workers(tmp_path):
    small = merge(CONFIG, {"subjects": {"train": None, "all": 1}, "options": {"shape": [24, 24, 24]}})
    for name, threads in (("a", 1), ("b", 2)):
        simulate(small, tmp_path / name, threads)
    assert tree_hash(tmp_path / "a") == tree_hash(tmp_path / "b")
    simulate({**small, "seed": 6}, tmp_path / "c", 1)
    assert tree_hash(tmp_path / "a") != tree_hash(tmp_path / "c")


def test_splits_and_stress_tests():
    cohort = open_stacks(packed_cohort())
    assert [(v.split, v.label) for v in cohort.volumes] == [
        ("train", ""), ("all", ""), ("all", ""), ("test", "sharp"),
    ]  # fmt: skip
    tested = cohort.tested()
    assert [v.name for v in tested] == ["v02", "v03", "sharp"]
    assert [v.name for v in cohort.others(tested[0])] == ["v01", "v03"]
    assert [v.name for v in cohort.others(tested[2])] == ["v01", "v02", "v03"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shap": [1]}, "did you mean 'shape'"),
        ({"acquisitions": [[2, 3]]}, "second smaller"),
        ({"variants": {"x": {"shape": [99, 99, 99]}}}, "unknown option 'shape'"),
        ({"fine": {"z": 0.9}}, "half a pixel"),
    ],
)
def test_wrong_options_are_one_line(options, says):
    with pytest.raises(InputError, match=says):
        read_options({"options": options})


# --- real volumes ---------------------------------------------------------------------------------


def test_thin_slices_become_thick_ones_along_their_own_axis(tmp_path):
    """As the Decathlon's: 0.625 mm slices, pixels of 0.8 mm brought to 1 mm."""
    rng = np.random.default_rng(2)
    volume = rng.integers(-900, 300, (30, 40, 64)).astype(np.int16)
    write_volume(tmp_path / "lung_006.nii.gz", volume, np.diag([0.8, 0.8, 0.625, 1]))
    read = {"volumes": {"lung_006": "lung_006.nii.gz"}, "pixel": 1.0, "acquisitions": [[5, 2.5]]}
    form.pack({"kind": "folder", "read": read}, tmp_path, tmp_path / "out", "c")
    [own] = open_stacks(tmp_path / "out").volumes
    assert own.reference().shape == (40, 32, 24) and own.split == "all"
    assert own.reference().mean() == pytest.approx(volume.mean(), abs=15)
    [stack] = own.stacks
    assert (stack.thickness, stack.overlap, stack.pixel, stack.rows) == (5, 2.5, 1.0, 40)
    # the constant along z stays; a ramp along z is read at the slices' centres
    ramp = np.broadcast_to((np.arange(64) * 10 - 400).astype(np.int16), volume.shape)
    write_volume(tmp_path / "lung_006.nii.gz", ramp, np.diag([0.8, 0.8, 0.625, 1]))
    form.pack({"kind": "folder", "read": read}, tmp_path, tmp_path / "out", "c")
    [own] = open_stacks(tmp_path / "out").volumes
    centres = own.stacks[0].centres()
    assert np.abs(own.stacks[0].array()[:, 5, 5] - ((centres / 0.625 - 0.5) * 10 - 400)).max() <= 0.51


@keep_locale()
def dicom_series(folder, slices=6, thickness="3", spacing=2.0, lose=None):
    """Write a small CT series as scanners do: a file per slice, first slice at the feet."""
    import SimpleITK as sitk

    folder.mkdir(parents=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number in range(slices):
        if number == lose:
            continue
        image = sitk.GetImageFromArray(np.full((1, 8, 10), 10 * number - 50, np.int16))
        image.SetSpacing([0.74, 0.74, spacing])
        image.SetOrigin([-3.0, -2.0, spacing * number])
        tags = {
            "0008|0060": "CT", "0020|000e": "1.2.3.4", "0020|000d": "1.2.3", "0020|0013": str(number),
            "0008|0018": f"1.2.3.4.{number}", "0018|0050": thickness,
            "0020|0032": f"-3\\-2\\{spacing * number}", "0020|0037": "1\\0\\0\\0\\1\\0",
            "0028|1052": "0", "0028|1053": "1",
        }  # fmt: skip
        for key, value in tags.items():
            if value is not None:
                image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"slice_{number:02d}.dcm"))
        writer.Execute(image)
    return folder


def test_a_dicom_series_has_thickness_and_spacing(tmp_path):
    folder = dicom_series(tmp_path / "L291/full_3mm")
    before = locale.setlocale(locale.LC_ALL)
    volume, affine, thickness = read_series(folder)
    assert locale.setlocale(locale.LC_ALL) == before, "files would be opened as ASCII from here on"
    assert volume.shape == (10, 8, 6) and thickness == 3.0
    assert np.linalg.norm(affine[:3, :3], axis=0) == pytest.approx([0.74, 0.74, 2.0])
    assert volume[0, 0].tolist() == [-50, -40, -30, -20, -10, 0], "feet to head"
    read = {"volumes": {"L291": "L291/full_3mm"}, "splits": {"L291": "test"}}
    config = {"kind": "folder", "read": read}
    assert len(raw_files("c", {**config, "form": "ct_stacks"}, tmp_path)) == 6
    form.pack(config, tmp_path, tmp_path / "out", "c")
    [own] = open_stacks(tmp_path / "out").volumes
    assert own.reference() is None and own.split == "test"
    [stack] = own.stacks
    assert (stack.thickness, stack.spacing, stack.overlap) == (3.0, 2.0, 1.0)
    assert stack.centres().tolist() == pytest.approx([1, 3, 5, 7, 9, 11]) and stack.rows == 16


def test_broken_series_are_one_line(tmp_path):
    with pytest.raises(InputError, match="no series"):
        read_series(tmp_path)
    with pytest.raises(InputError, match="fetch the missing"):
        read_series(dicom_series(tmp_path / "gap", lose=2))
    with pytest.raises(InputError, match=r"set read\.thickness"):
        read_series(dicom_series(tmp_path / "bare", thickness=None))


def test_wrong_keys_are_one_line(tmp_path):
    for read, says in (
        ({"volume": {}}, "did you mean 'volumes'"),
        ({}, r"read\.volumes' is missing"),
        ({"volumes": {"a": "a.nii"}, "splits": {"a": "val"}}, "choose train or all or test"),
    ):
        with pytest.raises(InputError, match=says):
            form.raw_files({"read": read}, tmp_path)
    write_volume(tmp_path / "a.nii.gz", np.arange(4096.0).reshape(16, 16, 16), np.diag([1.0, 1.0, 3.0, 1]))
    read = {"volumes": {"a": "a.nii.gz"}, "acquisitions": [[6, 3]]}
    with pytest.raises(InputError, match="serve no reference"):
        form.pack({"read": read}, tmp_path, tmp_path / "out", "c")
    assert not (tmp_path / "out").exists()


def test_published_layouts_are_planned_from_empty_files(tmp_path):
    base = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["sr4zct"]})
    trees = {
        "msd_lung": [f"Task06_Lung/imagesTr/lung_{n:03d}.nii.gz" for n in (6, 14, 22, 23)],
        "ldct_l291": [
            f"{p}/{n}.IMA" for p in ("L291/full_3mm", "L067/full_1mm", "L096/full_1mm") for n in "12"
        ],
    }
    for name, files in trees.items():
        config = Settings(base, ROOT).cohort(name)
        with pytest.raises(InputError, match=r"access: (open|registration)"):
            raw_files(name, config, tmp_path / name)
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).touch()
        assert len(raw_files(name, config, tmp_path / name)) == len(files)
        with pytest.raises(InputError, match=r"empty|series"):
            form.pack(config, tmp_path / name, tmp_path / "out", name)


def test_samples_are_drawn(tmp_path):
    form.draw_samples(packed_cohort(), tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 10_000
    assert (raw_cohort() / "volumes.json").exists()
