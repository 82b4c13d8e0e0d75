"""What is asked of Slurm against what it has; the programs of Slurm are stand-ins that print fixed lines."""

from pathlib import Path

import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.engine import cluster

NOTHING = dict.fromkeys(("account", "partition", "gpu_partition", "gpu_model", "constraint"), "")
SINFO = "cpu*|(null)\ngpu|gpu:a100:4(S:0-1),gpu:v100:2\nold|gpu:1"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts programs of Slurm on the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def install(**programs: str) -> None:
        for name, text in programs.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        cluster.partitions.cache_clear()

    yield install
    cluster.partitions.cache_clear()


def sinfo(lines: str) -> str:
    return f"cat <<'END'\n{lines}\nEND"


def test_reads_partitions(slurm) -> None:
    slurm(sinfo=sinfo(SINFO))
    assert cluster.partitions() == {"cpu": set(), "": set(), "gpu": {"a100", "v100"}, "old": {"gpu"}}


@pytest.mark.parametrize(("lines", "gpu"), [(SINFO, True), ("cpu*|(null)", False)])
def test_a_cluster_decides_about_gpus(slurm, lines: str, gpu: bool, monkeypatch) -> None:
    monkeypatch.setattr(cluster.Path, "exists", lambda self: False)
    slurm(sinfo=sinfo(lines))
    assert cluster.wants_gpu("auto", cluster=True) is gpu
    assert cluster.wants_gpu("auto", cluster=False) is False
    assert cluster.wants_gpu("cuda", cluster=True) is True
    assert cluster.wants_gpu("cpu", cluster=True) is False


def test_good_config_passes(slurm) -> None:
    slurm(sinfo=sinfo(SINFO), sacctmgr="echo lab")
    asked = NOTHING | {"account": "lab", "gpu_partition": "gpu", "gpu_model": "a100"}
    cluster.check(asked, "cuda", gpu=True)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"partition": "cpv"}, "slurm.partition: the cluster has no partition 'cpv'; did you mean 'cpu'?"),
        ({"gpu_partition": "fast"}, "slurm.gpu_partition: the cluster has no partition 'fast'"),
        ({}, "the default partition has no GPU; partitions with one: gpu, old"),
        ({"gpu_partition": "cpu"}, "partition 'cpu' has no GPU; partitions with one: gpu, old"),
        ({"gpu_partition": "gpu", "gpu_model": "a1000"}, "no GPU 'a1000' in partition 'gpu'"),
        ({"gpu_partition": "gpu", "account": "labb"}, "you have no account 'labb'; did you mean 'lab'?"),
    ],
)
def test_wrong_config_is_one_line(slurm, asked: dict[str, str], line: str) -> None:
    slurm(sinfo=sinfo(SINFO), sacctmgr="echo lab")
    with pytest.raises(InputError, match=r"^[^\n]*$") as error:
        cluster.check(NOTHING | asked, "auto", gpu=True)
    assert line in str(error.value)


def test_no_gpu_in_the_cluster(slurm) -> None:
    slurm(sinfo=sinfo("cpu*|(null)"))
    with pytest.raises(InputError, match="device is 'cuda', but no node of this cluster has a GPU"):
        cluster.check(NOTHING, "cuda", gpu=True)


def test_no_answer(slurm) -> None:
    slurm(sinfo="exit 1")
    with pytest.raises(InputError, match="Slurm does not answer"):
        cluster.check(NOTHING, "cpu", gpu=False)
