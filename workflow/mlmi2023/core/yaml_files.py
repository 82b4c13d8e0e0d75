"""Read YAML files; what is wrong with one becomes one line that names it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlmi2023.core.errors import InputError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; one that is missing, broken or says a key twice is an :class:`InputError`."""
    try:
        loader = _Loader(Path(path).read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _refuse_twins(node, path)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


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
