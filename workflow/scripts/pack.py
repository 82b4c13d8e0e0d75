from mlmi2023.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.cohorts.names import label_names
    from mlmi2023.cohorts.packed import pack

    names = label_names(snakemake.params.cohort, Path(snakemake.params.root))
    pack([Path(p) for p in snakemake.input], names, Path(snakemake.output[0]), snakemake.wildcards.cohort)
