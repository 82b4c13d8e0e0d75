"""Prompts and sequences of tokens (Sect. 2.3): an instruction, the findings, and the impression as answer."""

from typing import NamedTuple

from mlmi2023.core.errors import InputError
from mlmi2023.papers.radiology_llm.options import Task
from mlmi2023.papers.radiology_llm.words import Words


class Sequence(NamedTuple):
    """Tokens of a text, and from which on they count in the loss."""

    tokens: tuple[int, ...]
    counted: int


def prompt_tokens(words: Words, task: Task, instruction: str, text: str, room: int) -> list[int]:
    """Return the tokens of a prompt; the text is cut so that ``room`` tokens stay for the answer.

    Raises:
        InputError: without any text there is no room.
    """
    head, tail = _around(task, instruction)
    before, after = [words.start, *words.encode(head)], words.encode(tail)
    left = task.length - room - len(before) - len(after)
    if left < 1:
        raise InputError(
            f"config key task.length is {task.length}; the prompt alone takes "
            f"{len(before) + len(after)} tokens and its answer {room}; raise it"
        )
    return before + words.encode(text)[:left] + after


def taught(words: Words, task: Task, instruction: str, text: str, answer: str) -> Sequence:
    """Return prompt, answer and end as one sequence; the end is part of the answer, and of the loss.

    An answer so long that no text would be left is cut as well, and has no end then.
    """
    head, tail = _around(task, instruction)
    most = task.length - 2 - len(words.encode(head)) - len(words.encode(tail))
    own = [*words.encode(answer), words.end][: max(1, most)]
    prompt = prompt_tokens(words, task, instruction, text, len(own))
    return Sequence((*prompt, *own), len(prompt) if task.loss == "response" else 1)


def plain(words: Words, text: str, length: int) -> Sequence:
    """Return a text with start and end, all of which counts."""
    return Sequence((words.start, *words.encode(text), words.end)[:length], 1)


def _around(task: Task, instruction: str) -> tuple[str, str]:
    """Return what stands before and behind the text."""
    head, _, tail = task.template.replace("{instruction}", instruction, 1).partition("{input}")
    return head, tail
