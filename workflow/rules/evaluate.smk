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
    threads: need("predict", "threads")
    resources:
        gpu=lambda w: GPU if ask(SETTINGS.stages, w.paper, w.dataset, w.method) else 0,
        mem_mb=need("predict", "mem_mb"),
        runtime=need("predict", "runtime"),
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
    threads: need("score", "threads")
    resources:
        mem_mb=need("score", "mem_mb"),
        runtime=need("score", "runtime"),
    params:
        task=task_of,
        options=options_of,
    message:
        "score {wildcards.method} on {wildcards.dataset} ({wildcards.paper}, seed {wildcards.seed})"
    script:
        "../scripts/score.py"
