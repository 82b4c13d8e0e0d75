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
    threads: config["resources"]["simulate"]["threads"]
    resources:
        **needs("simulate", subjects=in_cohort),
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
