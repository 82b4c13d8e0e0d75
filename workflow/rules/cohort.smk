# Raw data made by the workflow: stand-ins from code and packaged templates, tables inside packages.


rule simulate:
    output:
        directory(f"{COHORTS}/{{raw}}"),
    log:
        f"{LOGS}/simulate/{{cohort}}/{{raw}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/{{cohort}}/{{raw}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: need("simulate", "threads")
    resources:
        mem_mb=need("simulate", "mem_mb"),
        runtime=need("simulate", "runtime"),
    params:
        cohort=lambda w: {
            k: v
            for k, v in ask(SETTINGS.cohort, w.cohort).items()
            if k not in ("preprocess", "about", "read", "folds")
        },
    message:
        "make the raw data of the cohort {wildcards.cohort}"
    script:
        "../scripts/simulate.py"
