"""Simulated exams through the whole chain."""


def test_exams_go_from_the_simulator_to_the_page(tiny_run):
    rows, out = tiny_run.rows("pecon"), tiny_run.paper("pecon")
    auroc = {r["method"]: float(r["value"]) for r in rows if r["metric"] == "auroc" and not r["label"]}
    assert auroc["truth"] == 100 or auroc["truth"] == 1
    assert {"penet", "elasticnet", "radfusion", "pecon"} <= {r["method"] for r in rows}
    for figure in ("fig_roc", "fig_lambda"):
        assert (out / f"figures/{figure}.png").stat().st_size > 0
