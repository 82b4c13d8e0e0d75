# Do the results come out again? Runs the papers twice in fresh folders, or once beside their records.


rule check_reproducible:
    log:
        f"{LOGS}/check_reproducible.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: workflow.resource_settings.cores or 1
    resources:
        **needs("train", subjects=lambda w: 0),
    params:
        papers=SETTINGS.papers,
        config=dict(config),
        root=str(ROOT),
        out=f"{RESULTS}/reproduce",
        verdicts=f"{RESULTS}/reproduce/verdicts.txt",
    message:
        "run {params.papers} afresh and compare"
    script:
        "../scripts/check_reproducible.py"
