"""From packed reports to scores and figures; stages; what may be read; resuming."""

import csv
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from bad_inputs import said
from mlmi2023.cohorts.forms.reports.reader import open_reports
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.radiology_llm.evaluate import held_out, panel, predict
from mlmi2023.papers.radiology_llm.module import Tuning
from mlmi2023.papers.radiology_llm.options import Task
from mlmi2023.papers.radiology_llm.packing import IGNORED
from mlmi2023.papers.radiology_llm.train import method_of, plan, vocabulary
from mlmi2023.papers.radiology_llm.words import OwnWords
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.training.loop.weights import read_weights
from radiology_llm_data import OPTIONS, TASK, TRAIN, job, packed


@cache
def ran(method):
    """Train all stages, predict and score; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="llm-run-"))
    weights = None
    for stage in OPTIONS[method].get("stages", ()):
        own = job(method, stage=stage, previous=weights)
        train(own, place / "runs", place / stage)
        weights = place / stage / "weights.safetensors"
    evaluate(job(method), weights, place / "predictions", place / "scores.csv")
    return place


def main_weights(method="ours"):
    return ran(method) / [*OPTIONS[method]["stages"]][-1] / "weights.safetensors"


def test_updates_alone_learn_in_the_last_stage_and_the_rest_is_that_of_the_stage_before():
    before = read_weights(ran("ours") / "instruct/weights.safetensors")
    after = read_weights(main_weights())
    name = "model.layers.0.self_attn.k_proj.weight"
    assert torch.equal(before[f"model.{name}"], after[f"model.base_model.model.{name}"])
    base = "model.layers.0.self_attn.q_proj"
    assert torch.equal(
        before[f"model.{base}.weight"], after[f"model.base_model.model.{base}.base_layer.weight"]
    )
    assert any("lora_B" in key and bool(value.any()) for key, value in after.items())
    assert torch.equal(before["vocabulary"], after["vocabulary"])
    first = read_weights(ran("ours") / "base/weights.safetensors")
    assert not torch.equal(first["model.lm_head.weight"], before["model.lm_head.weight"])


def test_an_untuned_model_reads_no_report_but_for_its_vocabulary():
    for stage in ("base", "instruct"):
        module = plan(
            job("stablelm", stage=stage, previous=main_weights("llama") if stage != "base" else None)
        ).module
        words = module.net.words
        texts = " ".join(words.decode(own.tokens) for own in [*module.sequences, *module.held])
        assert not any(text.lower() in texts for text in open_reports(packed()).impressions)
        assert TASK["template"].startswith("###") and ("derive the impression" in texts) is False


def test_no_report_of_val_or_test_is_in_the_vocabulary_s_texts(tmp_path):
    cohort, keys = open_reports(packed()), (method_of(OPTIONS["llama"]), options(Task, TASK, "task"))
    before = vocabulary(cohort, *keys).stored()
    assert OwnWords.of(before).encode("### response").count(3) == 0, "3 is what is unknown"
    for row, split in enumerate(cohort.splits):
        if split != "train":
            cohort.findings[row] = cohort.impressions[row] = "zzyzx qwerty " * 400
    assert np.array_equal(vocabulary(cohort, *keys).stored(), before)


def test_a_batch_in_pieces_steps_like_a_whole_one():
    found = []
    for micro, room in ((0, 0), (1, 0), (2, 300)):
        own = job("llama", stage="main", method_options={"kind": "learned", "net": OPTIONS["llama"]["net"]},
                  train={**TRAIN, "micro": micro, "pack": room})  # fmt: skip
        torch.manual_seed(3)
        module = plan(own).module
        module.optimizers = lambda module=module: torch.optim.SGD(module.net.parameters(), 0.1)
        module.lr_schedulers = Still
        module.manual_backward = lambda loss: loss.backward()
        loss = module.training_step(torch.tensor([0, 1, 2, 3]), 0)["loss"]
        found.append((float(loss), module.net.model.lm_head.weight.detach().clone()))
    for loss, weight in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        assert torch.allclose(weight, found[0][1], atol=1e-6)


class Still:
    """A schedule that does nothing."""

    def step(self):
        """Stay."""


def test_a_killed_run_ends_like_an_unbroken_one(tmp_path, monkeypatch):
    step, seen = Tuning.training_step, []

    def stop(self, batch, number):
        if len(seen) == 3:
            raise RuntimeError("killed")
        seen.append(number)
        return step(self, batch, number)

    own = job(stage="main", previous=ran("ours") / "instruct/weights.safetensors")
    monkeypatch.setattr(Tuning, "training_step", stop)
    with pytest.raises(RuntimeError, match="killed"):
        train(own, tmp_path / "runs", tmp_path / "main")
    monkeypatch.setattr(Tuning, "training_step", step)
    resumed = train(own, tmp_path / "runs", tmp_path / "main")
    assert resumed["weights_hash"] == read_json(ran("ours") / "main/train.json")["weights_hash"]


@pytest.mark.parametrize("method", [*OPTIONS])
def test_every_method_is_scored(method):
    found = read_metrics(ran(method) / "scores.csv")
    found["setting"] = found["setting"].fillna("")
    cohort = open_reports(packed())
    count = len(held_out(cohort))
    whole = found[(found["setting"] == "") & (found["metric"] == "fact_f1")]
    assert (
        len(whole)
        == count
        == len(found[found["setting"].isin(["normal", "abnormal"]) & (found["metric"] == "words")])
    )
    assert len(found[(found["setting"] == "panel") & (found["metric"] == "relevance")]) == 2
    mean = found[found["setting"] == ""].groupby("metric")["value"].mean()
    if method == "truth":
        assert mean["fact_f1"] == mean["rouge_l"] == 100 and mean["clinical_utility"] > 4.5
    if method == "silent":
        assert mean["fact_f1"] == mean["rouge_l"] == mean["words"] == 0 and mean["relevance"] < 1.5
    if method == "copy":
        assert mean["fact_recall"] < 100 and mean["conciseness"] < 4 and mean["words"] > 20
    if OPTIONS[method]["kind"] == "learned":
        last = main_weights(method).parent
        report = read_json(last / "train.json")
        assert report["learned"]["measure"] == "val_tokens" and report["selected_by"] == "val_loss"
        assert mean["leaks"] == 0
        assert ("tokens_per_second" in mean) == (method == "ours"), "of those tuned on reports"


def test_tuned_networks_answer_another_cohort_with_their_own_words(tmp_path):
    own = job(data=packed("clinic"))
    predict(own, main_weights(), tmp_path / "out")
    given = read_json(tmp_path / "out/answers.json")
    assert [*given["answers"]] == [
        open_reports(packed("clinic")).subjects[r] for r in held_out(open_reports(packed("clinic")))
    ]
    assert given["costs"] == {"trained": 2 * 2 * 2 * 16}


def test_the_panel_is_the_same_for_all_and_part_of_the_tested():
    cohort, keys = open_reports(packed()), options(Task, {**TASK, "panel": 3}, "task")
    assert panel(cohort, keys) == panel(cohort, keys) <= {*held_out(cohort)} and len(panel(cohort, keys)) == 3


def test_answers_of_a_file_are_scored_and_a_lost_one_is_one_line(tmp_path):
    cohort = open_reports(packed())
    names = [cohort.subjects[row] for row in held_out(cohort)]
    file = tmp_path / "answers.csv"

    def write(rows):
        with open(file, "w", newline="") as stream:
            csv.writer(stream).writerows([("subject", "impression"), *((name, "Fine.") for name in rows)])

    own = job("chatgpt", method_options={"kind": "answers", "path": str(file)})
    write(names)
    predict(own, None, tmp_path / "out")
    assert {*read_json(tmp_path / "out/answers.json")["answers"].values()} == {"Fine."}
    write(names[1:])
    said(lambda: predict(own, None, tmp_path / "other"), names[0])
    file.unlink()
    said(lambda: predict(own, None, tmp_path / "other"), "answers.csv", "impression")


def test_figures_are_drawn_and_hide_what_may_not_be_shown(tmp_path):
    names = {method: method for method in OPTIONS}
    for figure, methods in {
        "fig1": ["ours"], "fig2_mimic_cxr": ["ours", "chatgpt"], "fig3": ["chatgpt"],
        "fig4": ["ours", "llama"], "fig_learning": ["ours"],
    }.items():  # fmt: skip
        learned = {m: main_weights(m) for m in methods if OPTIONS[m]["kind"] == "learned"}
        draw(
            figure,
            {method: job(method) for method in methods},
            learned,
            {method: ran(method) / "predictions" for method in methods},
            names,
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 2000


def test_labels_of_a_sequence_are_its_own():
    module = plan(job("llama", stage="base")).module
    rows = module.rows(module.sequences[:6])
    for row in range(len(rows.tokens)):
        for at in range(rows.tokens.shape[1] - 1):
            if rows.labels[row, at] != IGNORED:
                assert rows.labels[row, at] == rows.tokens[row, at + 1]
                assert rows.owner[row, at] == rows.owner[row, at + 1]


def test_a_job_without_reports_to_train_on_is_one_line():
    own: Job = job(data=packed("clinic"), stage="main")
    said(lambda: plan(own), "split train")
