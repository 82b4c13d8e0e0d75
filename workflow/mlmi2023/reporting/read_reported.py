"""Read the file of what a paper reports, and check it against the schema and against itself."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import schema_errors
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.reporting.claims.checks import check_claims
from mlmi2023.reporting.names import setting_factors, setting_name, value_name
from mlmi2023.reporting.reported import Claim, Dataset, Figure, Method, Metric, Reported, Row, Table, Value

#: how ids begin, by which paths of results tell tables from figures
BEGIN = {"tables": "table", "figures": "fig"}
SCHEMA = Path(__file__).resolve().parents[3] / "config" / "schemas" / "reported.schema.yaml"


def load_reported(path: str | Path) -> Reported:
    """Read ``resources/papers/<slug>.yaml``, check it against the schema and against itself.

    Raises:
        InputError: one line: the file, the place and what is wrong there; also for a claim whose check does
            not parse, names something unknown, or whose margin is not what its own table gives.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; what the paper reports belongs there")
    content = read_yaml(path)
    return parse_reported(content, str(path))


def parse_reported(content: Any, where: str) -> Reported:
    """Check content read from ``where`` and return it; see :func:`load_reported`."""
    _check_schema(content, where)
    for group, begin in BEGIN.items():
        for item in content[group]:
            if not item["id"].startswith(begin):
                raise InputError(f"{where}: {group}: id '{item['id']}' must begin with '{begin}'")
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


def _check_schema(content: Any, where: str) -> None:
    errors = schema_errors(content, SCHEMA)
    if not errors:
        return
    from jsonschema.exceptions import best_match

    error = best_match(errors)
    place, node = [], content
    for step in error.absolute_path:
        node = node[step]
        named = isinstance(node, Mapping) and isinstance(node.get("id"), str)
        place.append(str(node["id"]) if named else str(step))
    raise InputError(f"{where}: {' / '.join(place) or 'top level'}: {_said(error, node)}")


def _said(error: Any, node: Any) -> str:
    """Return what a schema's mistake is, in words; ``node`` is where it was found."""
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"lacks {missing!r}; add it"
    if error.validator is None:  # a key that only some may have, of which the schema gives the value alone
        key = next(key for key, value in node.items() if value is error.instance)
        return f"must not have the key {key!r}; take it out"
    return str(error.message) if len(error.message) < 200 else f"{error.message[:197]}..."


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
                for value in (row.values[metric].mean, row.values[metric].sd or 0.0):
                    if not isfinite(value):
                        place = f"{where}: {table.id} / {row.method} / {metric}"
                        raise InputError(f"{place}: {value} is no printed value; write null for none")
            key = (row.method, row.setting, row.label)
            if key in seen:
                raise InputError(
                    f"{where}: {table.id}: method {row.method!r} has two rows with one setting and label"
                )
            seen.add(key)
            _check_condition(row, reported, f"{where}: {table.id} / {row.method}")


def _check_condition(row: Row, reported: Reported, where: str) -> None:
    """The setting and the label of a row must be declared."""
    factors = setting_factors(row.setting)
    for name, level in factors.items():
        if name not in reported.factors:
            known = ", ".join(reported.factors) or "none"
            raise InputError(f"{where}: setting has the factor {name!r}, declared under 'settings': {known}")
        if level not in reported.factors[name]:
            levels = ", ".join(reported.factors[name])
            raise InputError(f"{where}: setting has {name} {level!r}, declared under 'settings': {levels}")
    if row.setting and not factors and row.setting not in reported.settings:
        known = ", ".join(reported.settings) or "none"
        raise InputError(f"{where}: setting {row.setting!r} is not declared under 'settings': {known}")
    if row.label and row.label not in reported.labels:
        known = ", ".join(reported.labels) or "none"
        raise InputError(f"{where}: label {row.label!r} is not declared under 'labels': {known}")
