"""Heads from scan to report."""

from mlmi2023.core.tidy import COLUMNS


def test_heads_go_from_scan_to_report(tiny_run):
    out, rows = tiny_run.paper("defxattn_reg"), tiny_run.rows("defxattn_reg")
    for name in ("claims.csv", "figures/fig2d.png", "figures/fig3.svg", "../index.html"):
        assert (out / name).stat().st_size > 0, name
    for table in ("table1_ixi", "table1_oasis"):
        assert (out / f"tables/{table}.csv").exists() and (out / f"tables/{table}.md").exists()
    assert not (out / "tables/table1_alberts.csv").exists()  # of a dataset that is left out
    assert list(rows[0]) == COLUMNS

    def mean(method, metric, label):
        found = [r for r in rows if (r["dataset"], r["metric"], r["label"]) == ("ixi", metric, label)]
        values = [float(r["value"]) for r in found if r["method"] == method]
        return sum(values) / len(values)

    assert mean("truth", "dice", "mean") == 1 and mean("truth", "tre", "") == 0
    # labels of 5 mm hardly tell, landmarks do: a registration that pulls the wrong way makes them worse
    assert mean("syn", "dice", "mean") > mean("identity", "dice", "mean")
    assert mean("syn", "tre", "") < 0.7 * mean("identity", "tre", "")
    assert "defxattn_reg" in (out / "../index.html").read_text()


def test_nothing_is_done_twice(tiny_run):
    again = tiny_run.snakemake()
    assert "Nothing to be done" in again.stdout + again.stderr, again.stdout[-2000:] + again.stderr[-2000:]
