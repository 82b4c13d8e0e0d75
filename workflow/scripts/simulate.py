from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.cohorts.sources.make import make_cohort

    make_cohort(snakemake.params.cohort, Path(snakemake.output[0]), snakemake.threads)
