"""The environment files: pins as in the lock, and every import of every script covered."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mlmi2023.core.sources import foreign_modules

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/mlmi2023"
# module name -> distribution name, where they differ
DISTRIBUTION = {
    "ants": "antspyx",
    "fsl": "fslpy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch_geometric": "torch-geometric",
    "yaml": "pyyaml",
    "cc3d": "connected-components-3d",
    "PIL": "pillow",
    "pywt": "PyWavelets",
    "mapvbvd": "pyMapVBVD",
}
# come with a distribution that the environment names
IMPLIED = {"pillow": "matplotlib", "torch": "lightning", "markupsafe": "jinja2", "customtkinter": "deepbet"}


def name_of(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


def pins(path):
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return {name_of(n): v for n, _, v in (line.partition("==") for line in lines if "==" in line)}


def environment(path):
    content = yaml.safe_load(path.read_text())
    [piped] = [d["pip"] for d in content["dependencies"] if isinstance(d, dict)]
    return {name_of(n): v for n, _, v in (line.partition("==") for line in piped)}


ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
RULES = "\n".join(p.read_text() for p in (ROOT / "workflow/rules").rglob("*.smk"))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda p: p.stem)
def test_pins_agree_with_the_lock_and_the_file_is_used(path):
    locked = pins(ROOT / "envs/lock.txt") | pins(ROOT / "envs/no-deps.txt")
    for name, version in environment(path).items():
        assert locked.get(name) == version, (
            f"{path.name}: {name}=={version}, the lock says {locked.get(name)}"
        )
    assert f"envs/{path.name}" in RULES, f"{path.name} is used by no rule"


def test_every_requirement_is_locked():
    lines = (ROOT / "envs/requirements.txt").read_text().splitlines()
    lines = [line.split("#")[0].strip() for line in lines]
    wanted = {name_of(Requirement(line).name) for line in lines if line}
    assert wanted <= set(pins(ROOT / "envs/lock.txt"))


# what the scripts load by name
PLUGINS = {
    "simulate": ["cohorts/sources/simulators/**/*.py", "cohorts/sources/packaged/*.py"],
    "pack": ["cohorts/forms/*.py", "cohorts/importers/*.py"],
    "qc": ["cohorts/forms/*.py"],
    "preprocess": ["imaging/*.py"],
    "train": ["papers/*/train.py", "papers/*/model.py"],
    "evaluate": ["papers/*/evaluate.py"],
    "figure": ["papers/*/figures.py"],
}
SCRIPTS = re.findall(
    r'conda:\s+"../../envs/(\w+\.yaml)".*?script:\s+"../scripts/(\w+)\.py"', RULES, flags=re.S
)


def test_every_rule_with_a_script_was_found():
    assert len(SCRIPTS) == RULES.count("script:")
    assert {script for _, script in SCRIPTS} == {p.stem for p in (ROOT / "workflow/scripts").glob("*.py")}


@pytest.mark.parametrize(("env", "script"), sorted(set(SCRIPTS)))
def test_the_environment_of_a_rule_has_what_its_script_imports(env, script):
    files = [ROOT / f"workflow/scripts/{script}.py"]
    for pattern in PLUGINS.get(script, []):
        files += sorted(PACKAGE.glob(pattern))
    found = foreign_modules(files) - set(sys.stdlib_module_names)
    there = set(environment(ROOT / f"envs/{env}"))
    for module in sorted(found):
        name = name_of(DISTRIBUTION.get(module, module))
        covered = name in there or IMPLIED.get(name) in there
        assert covered, f"{script}.py imports {module}, which envs/{env} does not name"
