# Raw scans -> N4 -> brain mask -> affine -> one grid. A job works on a batch of subjects.


rule n4:
    input:
        step_input("n4"),
    output:
        directory(f"{COHORTS}/n4/batch-{{batch}}"),
    log:
        f"{LOGS}/n4/{{cohort}}/batch-{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/n4/{{cohort}}/batch-{{batch}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["preprocess"]["threads"]
    resources:
        **needs("preprocess", subjects=in_batch, together=of_a_batch),
    params:
        records=step_records("n4"),
        options=step_options("n4"),
    message:
        "N4 bias correction, {wildcards.cohort}, batch {wildcards.batch}"
    script:
        "../scripts/preprocess.py"


rule brainmask:
    input:
        step_input("brainmask"),
    output:
        directory(f"{COHORTS}/brainmask/batch-{{batch}}"),
    log:
        f"{LOGS}/brainmask/{{cohort}}/batch-{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/brainmask/{{cohort}}/batch-{{batch}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["preprocess"]["threads"]
    resources:
        **needs("preprocess", subjects=in_batch, together=of_a_batch),
    params:
        records=step_records("brainmask"),
        options=step_options("brainmask"),
    message:
        "skull stripping, {wildcards.cohort}, batch {wildcards.batch}"
    script:
        "../scripts/preprocess.py"


rule affine:
    input:
        step_input("affine"),
    output:
        directory(f"{COHORTS}/affine/batch-{{batch}}"),
    log:
        f"{LOGS}/affine/{{cohort}}/batch-{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/affine/{{cohort}}/batch-{{batch}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["preprocess"]["threads"]
    resources:
        **needs("preprocess", subjects=in_batch, together=of_a_batch),
    params:
        records=step_records("affine"),
        options=step_options("affine"),
    message:
        "affine registration to the template, {wildcards.cohort}, batch {wildcards.batch}"
    script:
        "../scripts/preprocess.py"


rule grid:
    input:
        step_input("grid"),
    output:
        directory(f"{COHORTS}/grid/batch-{{batch}}"),
    log:
        f"{LOGS}/grid/{{cohort}}/batch-{{batch}}.log",
    benchmark:
        f"{BENCHMARKS}/grid/{{cohort}}/batch-{{batch}}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: config["resources"]["preprocess"]["threads"]
    resources:
        **needs("preprocess", subjects=in_batch, together=of_a_batch),
    params:
        records=step_records("grid"),
        options=step_options("grid"),
    message:
        "resampling to the common grid, {wildcards.cohort}, batch {wildcards.batch}"
    script:
        "../scripts/preprocess.py"
