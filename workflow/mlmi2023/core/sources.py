"""Which of our source files a result depends on, read from their import statements without importing them."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mlmi2023.core.files import content_hash

PACKAGE = Path(__file__).resolve().parents[1]
#: Modules of a paper and of the trunk that decide its numbers.
ROOTS = ("papers/{paper}/*.py", "tasks/chain.py", "training/loop/fit.py", "core/tidy.py")
#: What these do to numbers stands in the hash of the configuration, or they do nothing to them.
WITHOUT_EFFECT = (
    "core/cohort_config.py",
    "core/config.py",
    "core/errors.py",
    "core/left_out.py",
    "core/merging.py",
    "core/order.py",
    "core/paths.py",
    "core/provenance.py",
    "core/scales.py",
)


def cohort_sources(cohort: Mapping[str, Any]) -> list[str]:
    """Return patterns of the files that make a cohort: its simulator, its form, its preprocessing steps."""
    found = [f"preprocessing/{step}.py" for step in cohort.get("preprocess", {})]
    if cohort["kind"] == "simulated":
        found += [f"cohorts/sources/simulators/{cohort['simulator']}{end}" for end in ("/*.py", ".py")]
    if cohort["kind"] == "packaged":
        found.append(f"cohorts/sources/packaged/{cohort['dataset']}.py")
    if "importer" in cohort.get("layout", {}):
        found.append(f"cohorts/forms/table/importers/{cohort['layout']['importer']}.py")
    if "form" in cohort:
        found.append(f"cohorts/forms/{cohort['form']}/form.py")
    return found


@cache
def imports(file: Path) -> frozenset[str]:
    """Return the dotted names of all modules that a file imports, and of the names from them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def own_files(names: Iterable[str]) -> Iterator[Path]:
    """Yield the files of our package that stand for imported names."""
    for name in names:
        if name.split(".")[0] == PACKAGE.name:
            base = PACKAGE.parent / name.replace(".", "/")
            yield from (f for f in (base.with_suffix(".py"), base / "__init__.py") if f.is_file())


def closure(files: Iterable[Path]) -> set[Path]:
    """Return ``files`` and all files of our package that they import, directly or through others."""
    seen: set[Path] = set()
    todo = list(files)
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += own_files(imports(file))
    return seen


def foreign_modules(files: Iterable[Path]) -> set[str]:
    """Return the top-level modules outside our package that ``files`` and what they import need."""
    names = {name.split(".")[0] for file in closure(files) for name in imports(file)}
    return names - {PACKAGE.name}


def code_hash(paper: str, more: Iterable[str] = ()) -> str:
    """Return 12 hex digits over the source files that a paper's numbers depend on.

    Those are the paper's own, the links of the chain, and what they import; pages and plots are not among
    them, so a new look of the report makes no result old, nor do comments, docstrings and line breaks.

    Args:
        paper: its slug.
        more: further patterns of files below the package, such as those of :func:`cohort_sources`.
    """
    patterns = [pattern.format(paper=paper) for pattern in ROOTS] + sorted(more)
    roots = [file for pattern in patterns for file in PACKAGE.glob(pattern)]
    roots = [file for file in roots if file.name != "figures.py"]
    names = {file.relative_to(PACKAGE).as_posix(): file for file in closure(roots)}
    return content_hash([(n, statements(names[n])) for n in sorted(names) if n not in WITHOUT_EFFECT])


@cache
def statements(file: Path) -> str:
    """Return a file's syntax tree as text, without docstrings; comments and line breaks are no part of it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = node.body[ast.get_docstring(node) is not None :]
    return ast.dump(tree)
