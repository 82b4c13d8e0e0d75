# Predictions of every method on the test split, and their scores, in one job: most methods predict and score in
# seconds, and importing torch takes as long.


rule evaluate:
    input:
        data=packed,
        weights=last_weights,
        used=used_predictions,
        used_weights=used_weights,
    output:
        predictions=directory(f"{PAPER}/predictions/{RUN}"),
        scores=f"{PAPER}/scores/{RUN}.csv",
        record=f"{PAPER}/scores/{RUN}.json",
    log:
        f"{LOGS}/evaluate/{{paper}}/{RUN}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{paper}}/{RUN}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["resources"]["evaluate"]["threads"]
    resources:
        **needs("evaluate", subjects=for_test, network=is_trained),
    params:
        task=task_of,
        options=options_of,
        used_trained=used_trained,
    message:
        "run and score {wildcards.method} on the test split of {wildcards.dataset} ({wildcards.paper}, seed {wildcards.seed})"
    script:
        "../scripts/evaluate.py"
