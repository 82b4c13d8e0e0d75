"""Public tables in the layout that they are distributed in.

An importer is named by a dataset's layout and has ``TARGETS``, ``raw_files(config, root)``, the files it
reads, and ``read(where, keys, root)``, which returns a :class:`mlmi2023.cohorts.formats.tables.RawTable`;
``keys`` is the cohort's key ``read``, by the importer's model in :mod:`mlmi2023.cohorts.forms.table.options`.
Its top level imports the standard library only.
"""
