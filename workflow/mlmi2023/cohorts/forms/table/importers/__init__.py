"""Public tables in the layout that they are distributed in.

An importer is named by a dataset's layout and has ``raw_files(config, root)``, the files it reads, and
``read(where, config, root)``, which returns a :class:`mlmi2023.cohorts.formats.tables.RawTable`. Its top
level imports the standard library only.
"""
