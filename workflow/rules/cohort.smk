# Stand-in cohorts: made from code and packaged templates.


rule simulate:
    output:
        directory(f"{COHORTS}/bids"),
    log:
        f"{LOGS}/simulate/{{cohort}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/{{cohort}}.tsv"
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
            if k not in ("preprocess", "about")
        },
    message:
        "make the stand-in cohort {wildcards.cohort}"
    script:
        "../scripts/simulate.py"
