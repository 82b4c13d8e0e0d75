# Cohorts: raw data that the workflow makes itself, arrays packed for training, and quality control.


rule simulate:
    output:
        directory(f"{COHORTS}/{{raw}}"),
    log:
        f"{LOGS}/simulate/{{cohort}}/{{raw}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/{{cohort}}/{{raw}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["simulate"]["threads"]
    resources:
        **needs("simulate", subjects=in_cohort),
    params:
        cohort=made_of,
    message:
        "make the raw data of the cohort {wildcards.cohort}"
    script:
        "../scripts/simulate.py"


rule pack:
    input:
        pack_input,
    output:
        directory(f"{COHORTS}/packed"),
    log:
        f"{LOGS}/pack/{{cohort}}.log",
    benchmark:
        f"{BENCHMARKS}/pack/{{cohort}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["pack"]["threads"]
    resources:
        **needs("pack", subjects=in_cohort),
    params:
        cohort=lambda w: {
            k: v
            for k, v in ask(SETTINGS.cohort, w.cohort).items()
            if k not in ("about", "preprocess", "options", "subjects")
        },
        root=lambda w: str(SETTINGS.root_of(w.cohort)),
    message:
        "pack the cohort {wildcards.cohort} into arrays"
    script:
        "../scripts/pack.py"


rule qc:
    input:
        qc_input,
    output:
        directory(f"{COHORTS}/qc"),
    log:
        f"{LOGS}/qc/{{cohort}}.log",
    benchmark:
        f"{BENCHMARKS}/qc/{{cohort}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["qc"]["threads"]
    resources:
        **needs("qc", subjects=in_cohort),
    params:
        records=qc_records,
        steps=lambda w: ask(SETTINGS.steps, w.cohort),
        cohort=lambda w: {
            k: v
            for k, v in ask(SETTINGS.cohort, w.cohort).items()
            if k not in ("about", "preprocess", "options", "subjects")
        },
        root=lambda w: str(SETTINGS.root_of(w.cohort)),
    message:
        "score the preprocessing of {wildcards.cohort} and draw its mosaics"
    script:
        "../scripts/qc.py"
