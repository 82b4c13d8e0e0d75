"""A Slurm cluster on this machine: munge, a controller, and the nodes ``cpu1`` and ``gpu1`` (with a GPU).

The job steps of the executor plugin strip ``SLURM_CONF``, so the configuration has to lie in ``/etc/slurm``;
a machine that has one already is left alone.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ETC = Path("/etc/slurm")
MARK = "# written by tests/slurm\n"
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "runuser"]
NODES = {"cpu1": 17011, "gpu1": 17012}

# Memory limits without cgroups, as containers want it: the accounting plugin looks every two seconds.
# The nodes' own memory is made up: enough for what the default config asks for.
CONF = """{mark}ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=17010
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=5,sched_min_interval=1000000
AccountingStorageType=accounting_storage/none
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=900
KillWait=3
SlurmdTimeout=10
{nodes}
PartitionName=all Nodes=cpu1,gpu1 Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu1 MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 Boards=1 SocketsPerBoard=1 "
    "CoresPerSocket=2 ThreadsPerCore=1 RealMemory=64000{gres}"
)


def missing() -> str:
    """Say why no cluster can be started here, or nothing."""
    if os.getuid() != 0:
        return "a Slurm of its own needs root"
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"slurm-wlm and munge are not installed (no {', '.join(absent)})"
    conf = ETC / "slurm.conf"
    if conf.exists() and not conf.read_text().startswith(MARK):
        return f"this machine has a Slurm of its own ({conf})"
    return ""


class Cluster:
    """Started on entry, ended by process id on exit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.munge: int | None = None

    def __enter__(self) -> "Cluster":
        host = socket.gethostname()
        (self.root / "state").mkdir(parents=True)
        nodes = [
            NODE.format(name=name, host=host, port=port, gres=" Gres=gpu:1" if name == "gpu1" else "")
            for name, port in NODES.items()
        ]
        conf = CONF.format(mark=MARK, host=host, root=self.root, nodes="\n".join(nodes))
        ETC.mkdir(exist_ok=True)
        (ETC / "slurm.conf").write_text(conf)
        (ETC / "gres.conf").write_text(MARK + "NodeName=gpu1 Name=gpu Count=1 File=/dev/null\n")
        self._start_munge()
        subprocess.run(["slurmctld"], check=True)
        time.sleep(1)
        for name in NODES:
            (self.root / f"spool-{name}").mkdir()
            self.start(name)
        self._wait_for_nodes()
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["scancel", "--user=root"], check=False)
        time.sleep(1)
        for name in NODES:
            self.lose(name)
        for file in [self.root / "slurmctld.pid"]:
            if file.exists():
                self._end(int(file.read_text()))
        if self.munge:
            self._end(self.munge)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)

    def start(self, node: str) -> None:
        """Start a node's daemon."""
        subprocess.run(["slurmd", "-N", node], check=True)

    def lose(self, node: str) -> None:
        """Let a node vanish as if its power failed: its daemon, its step daemons and all that they run."""
        file = self.root / f"slurmd-{node}.pid"
        first = [int(file.read_text())] if file.exists() else []
        steps = [pid for pid, line in _processes() if line.startswith("slurmstepd:") and self._on(pid, node)]
        doomed = {*first, *steps}
        while more := _children(doomed) - doomed:
            doomed |= more
        for pid in doomed:
            _kill(pid, signal.SIGKILL)
        file.unlink(missing_ok=True)

    def _on(self, pid: int, node: str) -> bool:
        """Whether a step daemon belongs to a node: it keeps that node's log open."""
        try:
            files = [os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            return False
        return str(self.root / f"slurmd-{node}.log") in files

    def _start_munge(self) -> None:
        if (
            Path("/run/munge/munge.socket.2").exists()
            and not subprocess.run(["munge", "-n"], capture_output=True).returncode
        ):
            return
        for folder in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
            Path(folder).mkdir(exist_ok=True)
            shutil.chown(folder, "munge", "munge")
        subprocess.run(["runuser", "-u", "munge", "--", shutil.which("munged") or "munged"], check=True)
        self.munge = int(Path("/run/munge/munged.pid").read_text())

    def _wait_for_nodes(self) -> None:
        for _ in range(60):
            said = subprocess.run(["sinfo", "-hN", "-o", "%N %t"], capture_output=True, text=True).stdout
            if said and set(said.split()[1::2]) == {"idle"}:
                return
            time.sleep(0.5)
        raise RuntimeError(f"the nodes did not come up: {said}\n{(self.root / 'slurmctld.log').read_text()}")

    def _end(self, pid: int) -> None:
        _kill(pid, signal.SIGTERM)
        for _ in range(50):
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.1)
        _kill(pid, signal.SIGKILL)


def jobs() -> list[dict[str, str]]:
    """Return what the controller knows of every job: one mapping each, as ``scontrol show job`` names it."""
    said = subprocess.run(["scontrol", "--oneliner", "show", "job"], capture_output=True, text=True).stdout
    return [
        dict(item.split("=", 1) for item in line.split() if "=" in item)
        for line in said.splitlines()
        if line.startswith("JobId=")
    ]


def _processes() -> list[tuple[int, str]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found.append((int(folder.name), line))
    return found


def _children(parents: set[int]) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) in parents:
            found.add(int(folder.name))
    return found


def _kill(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
