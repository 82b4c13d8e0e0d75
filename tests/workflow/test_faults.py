"""Faults at the edges: full disks, broken GPUs, odd names: one clear line, and nothing half written."""

import errno
import json
import os
import platform
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.forms.volumes.reader import open_packed, pack
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, write_json
from mlmi2023.preprocessing.steps import run_step
from mlmi2023.training.loop.checkpoints import AtomicCheckpoints
from mlmi2023.training.loop.device import pick_device
from mlmi2023.training.loop.weights import save_weights


@pytest.fixture
def disk(tmp_path):
    """A real disk of one megabyte; returns its folder and a function that makes it read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield SimpleNamespace(
        place=place,
        make_read_only=lambda: subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True),
    )
    subprocess.run(["umount", "-l", str(place)], check=True)


def large():
    return torch.nn.Linear(1000, 1000)  # 4 MB


def write_checkpoint(path):
    AtomicCheckpoints().save_checkpoint({"state": large().state_dict()}, path)


def write_weights(path):
    save_weights(large(), path)


def write_image(path):
    noise = np.random.default_rng(0).random((100, 100, 100), dtype=np.float32)
    with atomic(path) as part:
        nib.save(nib.Nifti1Image(noise, np.eye(4)), part)


WRITERS = {
    "last.ckpt": write_checkpoint,
    "weights.safetensors": write_weights,
    "sub-1_T1w.nii.gz": write_image,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_ends_with_one_line_and_leaves_what_was_there(disk, name):
    path = disk.place / name
    path.write_text("what was there before")
    with pytest.raises(InputError, match=r"No space left on device.*free space") as caught:
        WRITERS[name](path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert [p.name for p in disk.place.iterdir()] == [name]
    assert path.read_text() == "what was there before"


@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_folder_is_named(disk, name):
    disk.make_read_only()
    with pytest.raises(InputError, match=r"cannot write here \(Read-only file system\)"):
        WRITERS[name](disk.place / name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_whatever_the_disk_says_is_one_line(tmp_path, number):
    """The same without being root: the error comes from where the bytes are written."""
    with pytest.raises(InputError, match=os.strerror(number)), atomic(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise OSError(number, os.strerror(number))
    assert not list(tmp_path.iterdir())


def test_a_bug_of_ours_is_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(RuntimeError, match="bug"), atomic(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise RuntimeError("bug")
    assert not list(tmp_path.iterdir())


def test_a_writer_that_is_killed_leaves_no_file_of_that_name(tmp_path):
    code = """
        import os, signal, sys
        from mlmi2023.core.files import atomic
        with atomic(sys.argv[1]) as part:
            part.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "weights.safetensors"
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(path)])
    assert run.returncode == -9
    assert not path.exists()


def batch_folder(place, size):
    """A batch of the grid step with one subject, whose image has size^3 voxels."""
    place.mkdir()
    values = np.linspace(0, 1, size**3, dtype=np.float32).reshape(size, size, size)
    nib.save(nib.Nifti1Image(values, np.eye(4)), place / "image.nii.gz")
    record = {"subject": "1", "split": "test", "images": {"T1w": "image.nii.gz"}, "labels": None}
    write_json(place / "records.json", [{**record, "mask": None, "affine_xfm": None, "truth": None}])
    return place


def test_packing_onto_a_full_disk_is_no_bus_error(disk, tmp_path):
    batch = batch_folder(tmp_path / "batch", 100)  # 2 MB packed
    code = """
        import sys
        from pathlib import Path
        from mlmi2023.cohorts.forms.volumes.reader import pack
        pack([Path(sys.argv[1])], {}, Path(sys.argv[2]), "mine")
    """
    out = disk.place / "packed"
    args = [sys.executable, "-c", textwrap.dedent(code), str(batch), str(out)]
    run = subprocess.run(args, capture_output=True, text=True)
    assert run.returncode == 1, run.returncode
    assert "No space left on device" in run.stderr.splitlines()[-1]
    assert not list(disk.place.iterdir())


def test_a_node_whose_gpu_is_gone_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"node {platform.node()}: .*keep jobs off this node"):
        pick_device("cuda")
    assert pick_device("auto").type == "cpu"


def test_a_node_whose_gpu_fails_at_the_first_kernel_is_named(monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", broken)
    with pytest.raises(InputError, match=f"node {platform.node()}: the GPU is broken .*ECC") as caught:
        pick_device("auto")
    assert "\n" not in str(caught.value)


def test_a_job_that_was_given_a_gpu_does_not_fall_back_to_the_cpu():
    from snakemake.iocontainers import InputFiles, Params, ResourceList, Wildcards

    from mlmi2023.tasks.chain import job_of

    run = {"paper": "p", "dataset": "d", "method": "m", "seed": "0", "fold": "0"}
    for gpu, device in ((1, "cuda"), (0, "auto")):
        job = job_of(
            SimpleNamespace(
                wildcards=Wildcards(fromdict=run),
                params=Params(fromdict={"task": {}, "options": {}}),
                config={"device": "auto"},
                input=InputFiles(fromdict={"data": "packed"}),
                resources=ResourceList(fromdict={"gpu": gpu}),
                threads=1,
            )
        )
        assert job.device == device


def test_unicode_and_spaces_in_the_data_root(tmp_path):
    root = tmp_path / "Köpfe und 脳 (v2) 100%"
    root.mkdir()
    values = np.random.default_rng(1).random((16, 16, 16), dtype=np.float32)
    for subject in range(3):
        nib.save(nib.Nifti1Image(values, np.eye(4)), root / f"Größe {subject} t1.nii.gz")
    config = {
        "kind": "folder",
        "images": {"T1w": "Größe {subject} t1.nii.gz"},
        "split": {"train": 1, "val": 1, "test": 1},
    }
    records = [record.entry() for record in index_cohort("mine", config, root)]
    out = tmp_path / "résultats à nous"
    options = {"shape": [16, 16, 16], "spacing": 1.0, "centre": "volume"}
    run_step("grid", records, root, out / "grid", options, 1)
    pack([out / "grid"], {}, out / "packed", "mine")
    packed = open_packed(out / "packed")
    assert packed.splits == ["train", "val", "test"]
    assert packed.images("T1w").shape == (3, 16, 16, 16)
    assert json.loads((out / "grid/records.json").read_text())[0]["subject"] == packed.subjects[0]
