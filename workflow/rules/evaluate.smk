# Predictions of every method on the test split, and their scores.


rule predict:
    input:
        data=packed,
        weights=last_weights,
    output:
        directory(f"{PAPER}/predictions/{RUN}"),
    log:
        f"{LOGS}/predict/{{paper}}/{RUN}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{{paper}}/{RUN}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["resources"]["predict"]["threads"]
    resources:
        **needs("predict", subjects=for_test, network=is_trained),
    params:
        task=task_of,
        options=options_of,
        device=SETTINGS.device,
    message:
        "run {wildcards.method} on the test split of {wildcards.dataset} ({wildcards.paper}, seed {wildcards.seed})"
    script:
        "../scripts/predict.py"


rule score:
    input:
        data=packed,
        predictions=f"{PAPER}/predictions/{RUN}",
    output:
        f"{PAPER}/scores/{RUN}.csv",
    log:
        f"{LOGS}/score/{{paper}}/{RUN}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{paper}}/{RUN}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["resources"]["score"]["threads"]
    resources:
        **needs("score", subjects=for_test, together=8),
    params:
        task=task_of,
        options=options_of,
    message:
        "score {wildcards.method} on {wildcards.dataset} ({wildcards.paper}, seed {wildcards.seed})"
    script:
        "../scripts/score.py"
