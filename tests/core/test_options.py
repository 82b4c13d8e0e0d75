"""Models of options: what they take, and the one line for what they do not."""

from typing import Annotated, Any, Literal

import pytest

from mlmi2023.core.conditions import (
    Count,
    Counts,
    Interval,
    Positive,
    Share,
    matching,
    rising_or_equal,
    unset,
)
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import Options, options


class Small(Options):
    name: Literal["small"]
    width: Count = 8


class Large(Options):
    name: Literal["large"]
    width: Count = 64
    heads: Counts = (1, 2)


class Saved(Options):
    name: Literal["large", "saved"]
    path: Annotated[str, matching(r".+\.pt", "it must end with .pt")]


class One(Options):
    kind: Literal["one"]
    mode: Literal["a", "b"] = "a"


class Two(Options):
    kind: Literal["two"] = "two"
    mode: Literal["a", "b"] = "a"


class Fit(Options):
    steps: Count
    rate: Positive = 1e-3
    share: Share = 0.5
    flag: bool = False
    size: tuple[Count, Count] | None = None
    window: Interval = (0, 1)
    scale: Annotated[tuple[float, float], rising_or_equal] = (1, 1)
    chosen: list[int] | Literal["all"] = "all"
    net: Small | Large | None = None
    part: One | Two = Two(kind="two")
    names: dict[str, Share] = {}  # noqa: RUF012
    lambda_: float | Literal["found"] = "found"
    monitor: Annotated[str, unset("leave it out")] = ""
    anything: Any = None

    def wrong(self) -> str:
        return "steps may not be 13" if self.steps == 13 else ""


def test_values_and_defaults():
    made = options(Fit, {"steps": 3, "net": {"name": "large"}, "size": [2, 4], "lambda": 2}, "here")
    assert (made.steps, made.rate, made.size) == (3, 1e-3, (2, 4))
    assert isinstance(made.net, Large) and made.net.heads == (1, 2)
    assert vars(made)["lambda"] == 2
    with pytest.raises(AttributeError, match="is not to be changed"):
        made.steps = 4


def test_a_default_tag_chooses_its_model():
    assert isinstance(options(Fit, {"steps": 1, "part": {"mode": "b"}}, "here").part, Two)


def test_a_second_tag_chooses_among_models_of_one_kind():
    class Penet(Options):
        kind: Literal["learned"]
        model: Literal["penet"]

    class Branches(Options):
        kind: Literal["learned"]
        model: Literal["branches"]
        width: Count

    class Floor(Options):
        kind: Literal["floor"]

    class Paper(Options):
        method: Penet | Branches | Floor

    found = options(Paper, {"method": {"kind": "learned", "model": "branches", "width": 2}}, "here")
    assert isinstance(found.method, Branches)
    with pytest.raises(InputError, match=r"'method.model' is 'branch'; did you mean 'branches'"):
        options(Paper, {"method": {"kind": "learned", "model": "branch"}}, "here")
    with pytest.raises(InputError, match=r"'method.kind' is 'flor'; did you mean 'floor'"):
        options(Paper, {"method": {"kind": "flor"}}, "here")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"step": 1}, "unknown key 'train.step'; did you mean 'steps'?"),
        ({}, "key 'train.steps' is missing; add it"),
        (None, "key 'train.steps' is missing; add it"),
        ([1], "key 'train' is [1]; give it keys: steps, rate"),
        ({"steps": 0}, "key 'train.steps' is 0; it must be at least 1"),
        ({"steps": True}, "key 'train.steps' is true; give a whole number"),
        ({"steps": 2.0}, "key 'train.steps' is 2.0; give a whole number"),
        ({"steps": "2"}, "key 'train.steps' is '2'; give a whole number without quotes"),
        ({"steps": None}, "key 'train.steps' is null; give a whole number"),
        ({"steps": 13}, "key 'train': steps may not be 13"),
        (
            {"steps": 1, "rate": "1e-4"},
            "'1e-4'; give a number, without quotes and with point and sign: 1.0e-4",
        ),
        ({"steps": 1, "rate": float("nan")}, "key 'train.rate' is nan; give a finite number"),
        ({"steps": 1, "rate": float("inf")}, "key 'train.rate' is inf; give a finite number"),
        ({"steps": 1, "rate": False}, "key 'train.rate' is false; give a number"),
        ({"steps": 1, "share": 1.1}, "key 'train.share' is 1.1; it must lie between 0 and 1"),
        ({"steps": 1, "flag": 1}, "key 'train.flag' is 1; give true or false"),
        ({"steps": 1, "flag": "yes"}, "key 'train.flag' is 'yes'; give true or false"),
        ({"steps": 1, "size": [1]}, "key 'train.size' is [1]; give a list of 2 values"),
        ({"steps": 1, "size": [1, -1]}, "key 'train.size.1' is -1; it must be at least 1"),
        ({"steps": 1, "size": 2}, "key 'train.size' is 2; give a list of 2 values or null"),
        ({"steps": 1, "window": [3, 3]}, "key 'train.window' is [3, 3]; the first must be below the second"),
        ({"steps": 1, "scale": [2, 1]}, "the first must not be above the second"),
        ({"steps": 1, "chosen": "al"}, "key 'train.chosen' is 'al'; did you mean 'all'?"),
        ({"steps": 1, "chosen": [1, "b"]}, "key 'train.chosen.1' is 'b'; give a whole number"),
        ({"steps": 1, "chosen": 4}, "key 'train.chosen' is 4; give a list or 'all'"),
        ({"steps": 1, "net": {"width": 3}}, "key 'train.net.name' is missing; add it"),
        ({"steps": 1, "net": {"name": "lrge"}}, "key 'train.net.name' is 'lrge'; did you mean 'large'?"),
        ({"steps": 1, "net": {"name": "small", "heads": [1]}}, "unknown key 'train.net.heads'; known: name"),
        ({"steps": 1, "net": {"name": "large", "heads": []}}, "key 'train.net.heads' is []; it must not be"),
        ({"steps": 1, "net": 5}, "key 'train.net' is 5; give keys or null"),
        ({"steps": 1, "names": ["a"]}, "key 'train.names' is ['a']; give a mapping"),
        ({"steps": 1, "names": {"a": 2}}, "key 'train.names.a' is 2; it must lie between 0 and 1"),
        ({"steps": 1, "names": {3: 0.5}}, "key 'train.names.3' is 3; give a text"),
        ({"steps": 1, "lambda": "fund"}, "key 'train.lambda' is 'fund'; did you mean 'found'?"),
        ({"steps": 1, "lambda_": 1}, "unknown key 'train.lambda_'; did you mean 'lambda'?"),
        ({"steps": 1, "monitor": "loss"}, "key 'train.monitor' is 'loss'; leave it out"),
    ],
)
def test_each_mistake_is_one_line_with_the_full_path(given, said):
    with pytest.raises(InputError) as error:
        options(Fit, given, "config of paper 'toy'", "train")
    text = str(error.value)
    assert text.startswith("config of paper 'toy': ") and said in text and "\n" not in text


def test_a_pattern():
    with pytest.raises(InputError, match=r"key 'path' is 'a\.npz'; it must end with \.pt"):
        options(Saved, {"name": "saved", "path": "a.npz"}, "here")
