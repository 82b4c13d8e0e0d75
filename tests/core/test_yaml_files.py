"""YAML files that are none: each is one line that names the file, the place and what to do."""

import pytest

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.core.yaml_files import read_config, read_yaml

ALIASES = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
)
BROKEN = {
    "binary": (bytes(range(256)), "is no text in UTF-8 (byte 128); save it as UTF-8"),
    "latin-1": ("papers: [caf\xe9]".encode("latin-1"), "is no text in UTF-8 (byte 12)"),
    "empty": (b"", "holds nothing; give it keys, such as papers: [...]"),
    "a list": (b"- a\n", "holds a list"),
    "a number": (b"5\n", "holds a single value"),
    "a text": (b"hello\n", "holds a text"),
    "unclosed bracket": (
        b"papers: [a\n",
        "line 2, column 1: did not find expected ',' or ']'; close the bracket",
    ),
    "nothing in a bracket": (b"papers: [\n", "close the bracket"),
    "braces": (b"images: {T1w: i{subject}.nii}\n", "line 1, column 16: did not find expected ',' or '}'"),
    "tab": (
        b"cohorts:\n\tmine: 1\n",
        "line 2, column 1: found character that cannot start any token; indent",
    ),
    "python tag": (b"papers: !!python/object/apply:os.system [ls]\n", "take out what begins with !"),
    "two documents": (b"papers: [a]\n---\npapers: [b]\n", "line 2, column 1: but found another document"),
    "undefined alias": (b"papers: *mine\n", "found undefined alias; quote texts that begin with *"),
    "colon": (b"about: a: b\n", "quote texts with a colon"),
    "open quote": (b'about: "a\n', "close the quotes"),
    "key twice": (b"a: 1\nb: {c: 1, c: 2}\n", "key 'c' is there twice in the mapping from line 2; keep one"),
    "date": (b"about: 2020-13-45\n", "cannot read (month must be in 1..12); quote it"),
    "no number": (b"seed: !!int x\n", "cannot read (invalid literal"),
    "long number": (b"seed: " + b"9" * 5000, "cannot read (Exceeds the limit"),
    "holds itself": (b"a: &a [*a]\n", "the value from line 1 has no end"),
    "aliases that multiply": (ALIASES.encode(), "has no end; take out the * in it"),
    "brackets without end": (b"a: " + b"[" * 100_000, "more than 200 brackets inside of each other"),
    "lists without end": (b"- " * 100_000, "more than 200 lists inside of each other"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line(tmp_path, name):
    content, words = BROKEN[name]
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    line = said(lambda: read_config(file), f"{file}: ", words)
    assert len(line) < 400 and "unicode string" not in line


def test_a_folder_and_a_file_that_is_not_there(tmp_path):
    said(lambda: read_config(tmp_path), f"{tmp_path}: cannot be read (Is a directory); give a file")
    said(lambda: read_config(tmp_path / "mine.yaml"), "mine.yaml: no such file")


def test_aliases_and_merged_mappings_are_yaml(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: [*a, *a]\n")
    assert read_yaml(file) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "c": [{"x": 1, "y": 2}] * 2}


def test_damaged_files_are_read_or_said(tmp_path):
    file = tmp_path / "mine.yaml"
    text = b"papers: [ia_gcn]\ncohorts:\n  mine: {root: '/data', images: {T1w: \"{subject}.nii\"}}\n" * 3
    text = b"a: &a\n  b: [1, 2.5, 2020-01-01, true, ~]\nc: *a\n# text\n" + text

    def read(copy):
        file.write_bytes(copy)
        read_yaml(file)

    reads_or_says(read, damaged(text, 1500))
