"""Check content against the JSON schemas of ``config/schemas``, with one clear line for the first mistake."""

import difflib
from functools import cache
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.values import show
from mlmi2023.core.yaml_files import read_yaml

#: what a pattern of the schemas asks for
PATTERNS = {
    "^[A-Za-z0-9_]+$": "use letters, digits and _",
    "^[a-z_0-9]+$": "use small letters, digits and _",
    "^[A-Za-z0-9_.]*$": "use letters, digits, _ and points",
    "^all$": "give a list of papers, or all",
}
TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
#: what to do about a value, by the word of the schema that it breaks and that word's own value
FIXES = {
    "minimum": "give at least {}",
    "maximum": "give at most {}",
    "exclusiveMinimum": "give more than {}",
    "minItems": "name at least {}",
    "maxItems": "give at most {} values",
    "minProperties": "give at least {}",
    "minLength": "give a text",
    "const": "it must be {}",
}


@cache
def _fits(schema_file: Path) -> Any:
    import fastjsonschema

    return fastjsonschema.compile(read_yaml(schema_file), use_default=False)


def schema_errors(content: Any, schema_file: Path) -> list[Any]:
    """Return the mistakes of ``content`` by a JSON schema, as :mod:`jsonschema` describes them.

    Content that fits, which is the rule, is checked by compiled code ten times as fast.
    """
    import fastjsonschema

    try:
        _fits(schema_file)(content)
        return []
    except fastjsonschema.JsonSchemaValueException:
        from jsonschema import Draft202012Validator

        return list(Draft202012Validator(read_yaml(schema_file)).iter_errors(content))


def check(config: Any, schema_file: Path, what: str) -> None:
    """Validate against a JSON schema; the first mistake becomes one line that names the key and the fix.

    Raises:
        InputError: ``config`` does not fit the schema.
    """
    errors = sorted(schema_errors(config, schema_file), key=lambda e: list(map(str, e.path)))
    if errors:
        raise InputError(f"{what}: {_say(errors[0])}")


def _say(error: Any) -> str:
    where = ".".join(str(p) for p in error.path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        return f"unknown key '{'.'.join(filter(None, [where, str(unknown)]))}'{suggest(str(unknown), known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key '{'.'.join(filter(None, [where, missing]))}' is missing; add it"
    if list(error.schema_path)[-2:-1] == ["propertyNames"]:
        name = ".".join(filter(None, [where, str(error.instance)]))
        fix = (
            f"{PATTERNS[error.validator_value]} in names"
            if error.validator == "pattern"
            else "quote the name"
        )
        return f"key '{name}': {fix}"
    if error.validator == "uniqueItems":
        twin = next(item for n, item in enumerate(error.instance) if item in error.instance[:n])
        return f"key '{where}' names {twin!r} twice; keep one"
    if error.validator == "enum":
        words = [str(show(word)) if isinstance(word, bool) else str(word) for word in error.validator_value]
        close = difflib.get_close_matches(str(error.instance), words, n=1)
        fix = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(words)}"
        return f"key '{where}' is {show(error.instance)}; {fix}"
    return f"key '{where}' is {show(error.instance)}; {_fix(error)}"


def _fix(error: Any) -> str:
    """Return what to give instead of a value."""
    wanted = error.validator_value
    if error.validator == "type":
        words = [TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
        quotes = ", in quotes" if wanted == "string" or "string" in wanted else ""
        read_as_other = not isinstance(error.instance, bool | str | list | dict | None)
        return f"give {' or '.join(words)}{quotes if read_as_other else ''}"
    if error.validator == "pattern":
        return PATTERNS[wanted]
    if error.validator == "maxProperties" and not wanted:
        return "take it out: only a cohort of the form 'volumes' is preprocessed"
    return FIXES[error.validator].format(show(wanted))


def suggest(word: str, known: list[str]) -> str:
    """Return '; did you mean …?' or the list of what is known."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(known) or 'none'}"
