from mlmi2023.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.chain import job_of, score

    score(job_of(snakemake), Path(snakemake.input.predictions), Path(snakemake.output[0]))
