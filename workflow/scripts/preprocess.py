from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.preprocessing.steps import run_step

    run_step(
        snakemake.rule,
        records=snakemake.params.records,
        before=Path(snakemake.input[0]),
        out=Path(snakemake.output[0]),
        options=snakemake.params.options,
        threads=snakemake.threads,
    )
