from mlmi2023.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.cohorts.names import label_names
    from mlmi2023.imaging.qc import make_qc

    folders = [Path(p) for p in snakemake.input]
    steps = {step: [f for f in folders if f.parent.name == step] for step in snakemake.params.steps}
    names = label_names(snakemake.params.cohort, Path(snakemake.params.root))
    make_qc(snakemake.params.records, steps, names, Path(snakemake.output[0]), snakemake.threads)
