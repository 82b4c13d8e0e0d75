"""Spare Snakemake what it finds out again for each job although it is the same for all jobs of a rule.

With tens of thousands of jobs this is a third of the time that a dry run takes. What Snakemake decides does
not change, and where another version has no such functions nothing is done.
"""

import gc
import inspect
from functools import cache
from typing import Any


def speed_up() -> None:
    """Remember the signatures of functions, and which scripts are there, and collect garbage less often."""
    import snakemake.common
    import snakemake.dag
    import snakemake.resources
    import snakemake.rules

    # a DAG is millions of objects that stay; looking for garbage among them takes a quarter of a dry run
    gc.set_threshold(2_000_000, 50, 1000)
    original = getattr(snakemake.common, "get_function_params", None)
    if original is not None:
        remembered = _signatures(original)
        for module in (snakemake.common, snakemake.resources, snakemake.rules):
            if getattr(module, "get_function_params", None) is original:
                module.get_function_params = remembered
    processor = getattr(snakemake.dag, "ScriptProcessor", None)
    if processor is not None and "process_job" in vars(processor):
        processor.process_job = _once_per_rule(processor.process_job)


def _signatures(original: Any) -> Any:
    """Return ``original``, which reads a function's parameters, with a memory: each job asks 25 times."""

    @cache
    def parameters(function: Any, bound: bool) -> Any:
        found = original(function)
        # a method that is bound to an object does not take `self`
        return dict(list(found.items())[1:]) if bound else found

    def remembered(function: Any) -> Any:
        if inspect.ismethod(function) and inspect.isfunction(function.__func__):
            return parameters(function.__func__, True)
        return parameters(function, False) if inspect.isfunction(function) else original(function)

    return remembered


def _once_per_rule(original: Any) -> Any:
    """Return ``original``, which looks whether a job's script can be read, for the first job of each rule.

    A path with wildcards or parameters is another one for each job and is looked at each time.
    """
    seen = set()

    def process_job(self: Any, job: Any) -> None:
        entry = str(getattr(job.rule, self.script_type))
        if "{" not in entry:
            key = (job.rule.name, self.script_type)
            if key in seen:
                return
            seen.add(key)
        original(self, job)

    return process_job
