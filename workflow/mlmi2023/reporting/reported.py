"""What a paper reports: its datasets, methods, metrics, tables, figures and claims, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.names import setting_name, value_name

SCHEMA = Path(__file__).resolve().parents[3] / "config" / "schemas" / "reported.schema.yaml"


@dataclass(frozen=True)
class Dataset:
    """A dataset of the paper."""

    id: str
    name: str
    access: str = ""
    url: str | None = None
    size: str = ""
    split: str = ""


@dataclass(frozen=True)
class Method:
    """A method and its role; a control says which end it marks and for which metrics."""

    id: str
    name: str
    role: str
    control: str = ""
    brackets: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Metric:
    """A metric; ``better`` is higher, lower or none; ``exact`` means that one value decides."""

    id: str
    name: str
    better: str
    unit: str
    decimals: int = 3
    exact: bool = False

    @property
    def sign(self) -> int:
        """+1 when higher is better, -1 when lower is, 0 when neither."""
        return {"higher": 1, "lower": -1}.get(self.better, 0)

    @property
    def arrow(self) -> str:
        """An arrow towards the better end."""
        return {1: "↑", -1: "↓", 0: ""}[self.sign]

    def show(self, value: float | None, signed: bool = False) -> str:
        """Return ``value`` with this metric's decimals; an empty text for NaN or None."""
        if value is None or value != value:
            return ""
        text = f"{value:{'+' if signed else ''}.{self.decimals}f}"
        return text.replace("-", "−")


@dataclass(frozen=True)
class Value:
    """A printed mean and, where printed, its standard deviation."""

    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class Row:
    """One row of a table: the method, the setting and label if any, and the printed values by metric."""

    method: str
    values: dict[str, Value]
    setting: str = ""
    label: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table; its first column is the main metric."""

    id: str
    about: str
    dataset: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A result figure of the paper."""

    id: str
    shows: str


@dataclass(frozen=True)
class Claim:
    """A comparison that the paper makes; ``margin`` is the paper's own effect, as given in the file."""

    id: str
    says: str
    check: str
    margin: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Reported:
    """All that one paper reports.

    ``task`` is the paper's own in a few words, ``family`` the task family that it belongs to. ``label_names``
    spells out labels that are short.
    """

    slug: str
    number: int
    title: str
    first_author: str
    task: str
    family: str
    datasets: dict[str, Dataset]
    methods: dict[str, Method]
    metrics: dict[str, Metric]
    tables: dict[str, Table]
    figures: dict[str, Figure]
    claims: dict[str, Claim]
    settings: tuple[str, ...] = ()
    factors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_names: dict[str, str] = field(default_factory=dict)
    modality: tuple[str, ...] = ()
    dims: str = ""
    doi: str = ""
    code: str | None = None

    def controls(self, end: str) -> list[Method]:
        """Return the controls that mark the ``floor`` or the ``ceiling``."""
        return [m for m in self.methods.values() if m.control == end]


def load_reported(path: str | Path) -> Reported:
    """Read ``resources/papers/<slug>.yaml``, check it against the schema and against itself.

    Raises:
        InputError: one line: the file, the place and what is wrong there; also for a claim whose check does
            not parse, names something unknown, or whose margin is not what its own table gives.
    """
    import yaml

    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; what the paper reports belongs there") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return parse_reported(content, str(path))


def parse_reported(content: Any, where: str) -> Reported:
    """Check content read from ``where`` and return it; see :func:`load_reported`."""
    from mlmi2023.reporting.checks import check_claims  # it needs this module's classes

    _check_schema(content, where)
    reported = Reported(
        **{k: content[k] for k in ("slug", "number", "title", "first_author", "task", "family")},
        **{k: content[k] for k in ("dims", "doi", "code") if k in content},
        modality=tuple(content.get("modality", ())),
        datasets=_by_id(content["datasets"], Dataset, "datasets", where),
        methods=_by_id(content["methods"], Method, "methods", where, brackets=tuple),
        metrics=_by_id(content["metrics"], Metric, "metrics", where),
        tables=_by_id(
            content["tables"], Table, "tables", where, columns=tuple, rows=lambda rows: tuple(map(_row, rows))
        ),
        figures=_by_id(content["figures"], Figure, "figures", where),
        claims=_by_id(content["claims"], Claim, "claims", where),
        **_labels(content.get("labels", [])),
        **_settings(content.get("settings", [])),
    )
    _check_names(reported, where)
    check_claims(reported, where)
    return reported


def _by_id(items: list[dict[str, Any]], kind: Any, group: str, where: str, **convert: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for item in items:
        if item["id"] in made:
            raise InputError(f"{where}: {group}: id {item['id']!r} is there twice; ids must differ")
        made[item["id"]] = kind(**{k: convert[k](v) if k in convert else v for k, v in item.items()})
    return made


def _row(item: dict[str, Any]) -> Row:
    values = {
        metric: Value(**v) if isinstance(v, Mapping) else Value(v)
        for metric, v in item["values"].items()
        if v is not None
    }
    label = value_name(item["label"]) if "label" in item else None
    return Row(item["method"], values, setting_name(item.get("setting")), label, item.get("note", ""))


def _settings(settings: Any) -> dict[str, Any]:
    if isinstance(settings, Mapping):
        return {"factors": {k: tuple(map(value_name, v)) for k, v in settings.items()}}
    return {"settings": tuple(map(value_name, settings))}


def _labels(labels: Any) -> dict[str, Any]:
    if isinstance(labels, Mapping):
        names = {value_name(label): name for label, name in labels.items()}
        return {"labels": tuple(names), "label_names": names}
    return {"labels": tuple(map(value_name, labels))}


@cache
def _validator() -> Any:
    import jsonschema
    import yaml

    return jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))


def _check_schema(content: Any, where: str) -> None:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(content))
    if error is None:
        return
    place, node = [], content
    for step in error.absolute_path:
        node = node[step]
        named = isinstance(node, Mapping) and isinstance(node.get("id"), str)
        place.append(str(node["id"]) if named else str(step))
    raise InputError(f"{where}: {' / '.join(place) or 'top level'}: {error.message}")


def _check_names(reported: Reported, where: str) -> None:
    """Every name that a table or control uses must be one that the file declares."""

    def known(name: str, group: Mapping[str, Any], place: str, kind: str) -> None:
        if name not in group:
            raise InputError(f"{where}: {place}: unknown {kind} {name!r}; known: {', '.join(group)}")

    for method in reported.methods.values():
        for metric in method.brackets:
            known(metric, reported.metrics, f"methods / {method.id} / brackets", "metric")
    for table in reported.tables.values():
        known(table.dataset, reported.datasets, table.id, "dataset")
        for metric in table.columns:
            known(metric, reported.metrics, f"{table.id} / columns", "metric")
        seen = set()
        for row in table.rows:
            known(row.method, reported.methods, f"{table.id} / rows", "method")
            for metric in row.values:
                known(metric, dict.fromkeys(table.columns), f"{table.id} / {row.method}", "column")
            key = (row.method, row.setting, row.label)
            if key in seen:
                raise InputError(
                    f"{where}: {table.id}: method {row.method!r} has two rows with one setting and label"
                )
            seen.add(key)
