"""Read YAML files; what is wrong with one becomes one line that names it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlmi2023.core.errors import InputError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: values that a file may come to, aliases (``*name``) counted each time; all of ours together have 20,000
MOST = 1_000_000
#: of brackets in brackets
DEPTH = 200
#: what to do about what the parser says, by words of it
FIXES = {
    "cannot start any token": "indent with spaces, not tabs, and quote texts that begin with @ or `",
    "expected ','": "close the bracket, and quote texts with { } or [ ] in them",
    "expected node content": "close the bracket, and quote texts that begin with % or `",
    "another document": "keep one document, without ---",
    "undefined alias": "quote texts that begin with *",
    "constructor for the tag": "take out what begins with !",
    "mapping values are not allowed": "quote texts with a colon in them, or mend the indent",
    "expected <block end>": "mend the indent",
    "unexpected end of stream": "close the quotes",
}


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        InputError: it is missing, no text or broken, says a key twice, or is nested without end.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        _refuse_depth(text, path)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _refuse_twins(node, path)
            if "*" in text:
                _refuse_endless(node, path)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a file") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {_say(error)}") from error
    # what the parser raises where a tag does not fit its value, such as !!int x
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        raise InputError(
            f"{path}: a number, date or tag (!!) that YAML cannot read ({error}); quote it"
        ) from error


def _say(error: yaml.YAMLError) -> str:
    """Return what the parser says, where, and what to do about it, in one line."""
    text = " ".join(str(getattr(error, "problem", None) or error).split())
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    fix = next((fix for words, fix in FIXES.items() if words in text), "mend the line, or quote its text")
    return f"{place}{text}; {fix}"


def _refuse_depth(text: str, path: Path) -> None:
    """Refuse brackets in brackets, and lists in lists, so deep that the parser's own stack overflows."""
    if text.count("[") + text.count("{") + text.count("- ") <= DEPTH:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > DEPTH:
            raise InputError(f"{path}: more than {DEPTH} brackets inside of each other; close them")
    if re.search(rf"(?:[-?:]\s+){{{DEPTH}}}", text):
        raise InputError(f"{path}: more than {DEPTH} lists inside of each other; flatten them")


def _refuse_twins(root: Any, path: Path) -> None:
    """Refuse a mapping with the same key twice, of which YAML would silently take the last."""
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) < len(keys):
            twin = next(key for n, key in enumerate(keys) if key in keys[:n])
            line = node.start_mark.line + 1
            raise InputError(f"{path}: key '{twin}' is there twice in the mapping from line {line}; keep one")
        nodes += [value for _, value in node.value]


def _refuse_endless(root: Any, path: Path) -> None:
    """Refuse a value that holds itself, or that aliases multiply beyond all use."""
    sizes: dict[int, int | None] = {}

    def size(node: Any) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in sizes:
            sizes[id(node)] = None
            inner = (
                node.value
                if isinstance(node, yaml.SequenceNode)
                else [n for pair in node.value for n in pair]
            )
            sizes[id(node)] = 1 + sum(map(size, inner))
        found = sizes[id(node)]
        if found is None or found > MOST:
            line = node.start_mark.line + 1
            raise InputError(f"{path}: the value from line {line} has no end; take out the * in it")
        return found

    size(root)


def read_config(path: Path) -> dict[str, Any]:
    """Read a YAML file that must hold keys at its top level.

    Raises:
        InputError: it does not.
    """
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds {_called(content)}; give it keys, such as papers: [...]")
    return dict(content)


def _called(content: Any) -> str:
    names = {type(None): "nothing", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(content), "a single value")
