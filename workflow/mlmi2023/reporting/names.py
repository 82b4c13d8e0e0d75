"""How settings and their levels are spelled in the tidy file; plain Python, so that it loads fast."""

from collections.abc import Mapping
from typing import Any


def setting_name(setting: str | Mapping[str, Any] | None) -> str:
    """Return the one spelling of a setting that the tidy file uses.

    A plain name stays as it is; factors become ``key=value`` pairs joined by ``;`` in the order of their
    keys, so that ``{r: 2, modality: t1w}`` is ``modality=t1w;r=2`` whoever writes it.
    """
    if setting is None:
        return ""
    if isinstance(setting, Mapping):
        return ";".join(f"{key}={value_name(setting[key])}" for key in sorted(setting))
    return value_name(setting)


def value_name(value: Any) -> str:
    """Return a number or word as the tidy file spells it (``2.50`` and ``2.5`` are the same level)."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return str(value)


def setting_factors(name: str) -> dict[str, str]:
    """Return the factors of a setting's name; a plain name has none."""
    return dict(part.split("=", 1) for part in name.split(";") if "=" in part)
