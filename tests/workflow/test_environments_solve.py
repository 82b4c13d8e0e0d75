"""Each environment file solves: against a channel of stubs made from the lock and what the packages ask for.

No real channel is needed, and a pin that contradicts another package's needs, or a need that the lock does
not cover, makes the solver say so. The solver is conda's (py-rattler).
"""

import asyncio
import importlib
import importlib.metadata
import json
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

rattler = pytest.importorskip("rattler", reason="py-rattler is not installed")
SolverError = importlib.import_module("rattler.exceptions").SolverError
ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
PYTHON = "3.11.9"


def name_of(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


def pins(file):
    lines = [line.split("#")[0].strip() for line in (ROOT / "envs" / file).read_text().splitlines()]
    return {name_of(n): v for n, _, v in (line.partition("==") for line in lines if "==" in line)}


def specs(path):
    """Return the conda specs of an environment file, those of its pip part included."""
    found = []
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        for spec in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = spec.replace("==", "=").partition("=")
            strict = "==" if "==" in spec else "="
            found.append(f"{name_of(name)} {strict}{version}" if version else name_of(name))
    return found


def needs(name):
    """Return what a package asks for, as conda specs; nothing if it is locked but not installed here."""
    found = []
    try:
        asked = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    for text in asked:
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            # ~=1.4 is >=1.4,==1.* in both worlds; !=, >=, <, == read the same
            limits = ",".join(_limit(s) for s in sorted(need.specifier, key=str))
            found.append(f"{name_of(need.name)} {limits}".strip())
    return found


def _limit(specifier):
    if specifier.operator == "~=":
        release = Version(specifier.version).release
        return f">={specifier.version},<{'.'.join(map(str, [*release[:-2], release[-2] + 1]))}"
    return f"{specifier.operator}{specifier.version}"


def channel(place, changes=None):
    """Write a channel with a stub of python, pip and every pinned package; return its address."""
    alone = pins("no-deps.txt")
    versions = {**pins("lock.txt"), **alone, **(changes or {})}
    packages = {"python": (PYTHON, []), "pip": ("24.0", ["python"]), "setuptools": ("80.0", ["python"])}
    for name, version in versions.items():
        packages[name] = (version, ["python >=3.11", *([] if name in alone else needs(name))])
    records = {
        f"{name}-{version}-0.tar.bz2": {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": depends,
            "subdir": "noarch",
            "noarch": "generic",
            "sha256": "0" * 64,
        }
        for name, (version, depends) in packages.items()
    }
    for subdir, content in (("noarch", records), ("linux-64", {})):
        (place / subdir).mkdir(parents=True)
        repodata = {"info": {"subdir": subdir}, "packages": content, "packages.conda": {}}
        (place / subdir / "repodata.json").write_text(json.dumps(repodata))
    return place.as_uri()


def solve(address, wanted):
    work = rattler.solve([rattler.Channel(address)], wanted, platforms=["linux-64", "noarch"])

    async def run():
        return await work if asyncio.iscoroutine(work) else work

    return {record.name.normalized: str(record.version) for record in asyncio.run(run())}


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    return channel(tmp_path_factory.mktemp("channel") / "stubs")


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda p: p.stem)
def test_the_file_solves_to_the_locked_versions(path, stubs):
    found = solve(stubs, specs(path))
    locked = pins("lock.txt") | pins("no-deps.txt")
    for name, version in found.items():
        if name in locked:
            assert Version(version) == Version(locked[name]), name
    assert found["python"] == PYTHON


def test_a_pin_that_breaks_another_package_is_found(tmp_path):
    """antspyx asks for a numpy below 2.4: with a later one there is no solution."""
    address = channel(tmp_path / "stubs", {"numpy": "2.9.0"})
    wanted = [s.replace("2.3.5", "2.9.0") for s in specs(ROOT / "envs/imaging.yaml")]
    with pytest.raises(SolverError, match="numpy"):
        solve(address, wanted)


# the container, for clusters without conda


def container():
    """Return the sections of the Apptainer definition."""
    text = (ROOT / "envs/container.def").read_text()
    parts = re.split(r"^%(\w+).*$", text, flags=re.M)
    return {"head": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def test_the_container_installs_what_make_installs():
    sections = container()
    python = re.search(r"^From: python:(\d+\.\d+)", sections["head"], flags=re.M).group(1)
    wanted = {
        spec.split("=")[1] for path in ENVIRONMENTS for spec in specs(path) if spec.startswith("python =")
    }
    assert {python} == wanted
    copied = dict(line.split() for line in sections["files"].strip().splitlines() if not line.startswith("#"))
    assert all((ROOT / source).exists() for source in copied), copied
    makefile = (ROOT / "Makefile").read_text()
    target = makefile.split("$(VENV)/.installed:")[1]
    prerequisites = target.splitlines()[0].split()
    tops = {Path(source).parts[0] for source in copied}
    assert all(Path(p).parts[0] in tops for p in prerequisites), "a file that `make env` reads is not copied"
    assert re.search(r"^\s*make env\b", sections["post"], flags=re.M)
    assert "pip install" not in sections["post"], "versions come from the lock, by way of make"


def test_the_container_finds_the_environment_and_the_package():
    sections = container()
    place = re.search(r"^\s*cd (\S+)$", sections["post"], flags=re.M).group(1)
    assert f"{place}/.venv/bin" in sections["environment"]
    assert "MLMI2023_VERSION" in sections["environment"]
    assert "snakemake --version" in sections["test"]
