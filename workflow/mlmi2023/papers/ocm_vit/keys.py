"""A method's options as the model of its kind."""

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import Model, options


def keys_of(model: type[Model], job: Job) -> Model:
    """Return the options of a job's method without ``uses``, which the chain reads.

    Raises:
        InputError: a key is unknown or has a value that cannot be used.
    """
    given = {key: value for key, value in job.method_options.items() if key != "uses"}
    return options(model, given, "config", f"methods.{job.method}")
