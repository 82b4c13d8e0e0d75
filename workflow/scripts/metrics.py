from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from mlmi2023.core.tidy import gather, write_metrics

    write_metrics(gather(list(snakemake.input)), snakemake.output[0])
