from math import isnan

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.claims.results import COLUMNS, evaluate_claims, read_claims, write_claims
from mlmi2023.reporting.claims.verdicts import decide
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED
from reporting_data import frame, paper

RNG = np.random.default_rng(7)
BASE = RNG.normal(0.7, 0.1, 20)  # cases differ far more than methods do
A = BASE + 0.03 + RNG.normal(0, 0.01, 20)
B = BASE + RNG.normal(0, 0.01, 20)


def judge(check, metrics, margin="keep", learned=None, judged=True, **changes):
    made = paper(check=check, margin=margin, **changes)
    return evaluate_claims(made, metrics, learned=learned, judged=judged)[0]


def test_effect_interval_and_p_of_a_paired_difference():
    found = judge("dice[a] > dice[b]", frame({"a": A, "b": B}))
    assert found.effect == pytest.approx((A - B).mean(), abs=1e-12)
    assert found.p == pytest.approx(stats.ttest_rel(A, B).pvalue, rel=1e-6)
    t = stats.t.interval(0.95, 19, (A - B).mean(), stats.sem(A - B))
    assert (found.low, found.high) == pytest.approx(t, abs=0.0012)
    assert (found.n, found.verdict, found.note) == (20, "reproduced", "1 seed")


def test_by_hand():
    # differences 1, 2, 3: mean 2, sd 1, t = 2 / (1 / sqrt 3) = 3.4641, df 2
    found = judge("dice[a] > dice[b]", frame({"a": [11, 22, 33], "b": [10, 20, 30]}))
    assert found.effect == pytest.approx(2)
    assert (
        found.p
        == pytest.approx(2 * stats.t.sf(2 * np.sqrt(3), 2), rel=1e-6)
        == pytest.approx(0.0742, abs=1e-4)
    )


def test_a_flipped_claim_has_the_flipped_verdict():
    metrics = frame({"a": A, "b": B})
    forward = judge("dice[a] > dice[b]", metrics)
    back = judge("dice[a] < dice[b]", metrics)
    assert back.effect == -forward.effect
    assert (back.low, back.high) == pytest.approx((-forward.high, -forward.low), abs=5e-4)
    assert (forward.verdict, back.verdict) == ("reproduced", "not reproduced")
    assert "other way" in back.note


def test_cases_are_matched_by_name_not_by_place():
    metrics = frame({"a": A, "b": B})
    shuffled = metrics.sample(frac=1, random_state=3)
    assert judge("dice[a] > dice[b]", shuffled) == judge("dice[a] > dice[b]", metrics)
    # the same values under the wrong cases: the pairing is lost, and with it the verdict
    mixed = frame({"a": A, "b": np.roll(B, 1)})
    found = judge("dice[a] > dice[b]", mixed)
    assert found.effect == pytest.approx((A - B).mean())
    assert found.verdict != "reproduced"
    assert found.p > 0.05


def test_cases_that_one_method_lacks_are_left_out_and_said():
    metrics = frame({"a": A, "b": B})
    metrics = metrics[~((metrics["method"] == "b") & (metrics["case"] == "case-4"))]
    found = judge("dice[a] > dice[b]", metrics)
    keep = np.arange(20) != 4
    assert found.effect == pytest.approx((A - B)[keep].mean())
    assert found.n == 19 and "19 of 20 cases" in found.note


def test_nan_drops_the_case_for_all_seeds():
    values = np.stack([A, A + 0.01])
    values[1, 2] = np.nan
    found = judge("dice[a] > dice[b]", frame({"a": values, "b": B}))
    keep = np.arange(20) != 2
    assert found.effect == pytest.approx((A + 0.005 - B)[keep].mean())
    assert found.n == 19


def test_seeds_are_averaged_within_a_case_and_widen_the_interval():
    shift = np.array([[-0.02], [0.0], [0.02]])
    seeds = judge("dice[a] > dice[b]", frame({"a": A + shift, "b": B + shift}))
    one = judge("dice[a] > dice[b]", frame({"a": A, "b": B}))
    assert seeds.effect == pytest.approx(one.effect)
    assert seeds.p > 0.05 > 0.001 > one.p  # seeds differ by as much as the methods do
    assert seeds.high - seeds.low > 2 * (one.high - one.low)
    assert seeds.n == 20 and seeds.note.endswith("3 seeds")
    mixed = judge("dice[a] > dice[b]", frame({"a": A + shift, "b": B}))
    assert mixed.note.endswith("1 to 3 seeds")


@pytest.mark.parametrize("cases", [4, 8])
def test_the_interval_covers_its_share(cases):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        base = rng.normal(0, 1, cases)
        values = {m: base + rng.normal(0, 0.3, (3, 1)) + rng.normal(0, 0.5, (3, cases)) for m in "ab"}
        found = judge("dice[a] > dice[b]", frame(values))
        hits += found.low <= 0 <= found.high
    assert hits / 200 >= 0.92


def test_variance_by_hand():
    # a has three seeds, b one; cases and seeds of a add up without a rest
    cases, seeds = np.array([0.1, 0.2, 0.4, 0.5]), np.array([[0.0], [0.03], [0.06]])
    found = judge("dice[a] > dice[b]", frame({"a": 0.5 + cases + seeds, "b": [0.5] * 4}))
    by_case, by_seed = cases.var(ddof=1) / 4, seeds.var(ddof=1) / 3
    error = np.sqrt(by_case + by_seed)
    freedom = (by_case + by_seed) ** 2 / (by_case**2 / 3 + by_seed**2 / 2)
    reach = stats.t.ppf(0.975, freedom)
    assert found.effect == pytest.approx(0.33)
    assert (found.low, found.high) == pytest.approx((0.33 - reach * error, 0.33 + reach * error))
    assert found.p == pytest.approx(2 * stats.t.sf(0.33 / error, freedom))
    assert found.detectable == pytest.approx((reach + stats.t.ppf(0.8, freedom)) * error)


def test_noise_alone_is_counted_once():
    # no case and no seed stands out: the error is that of 10 * 200 independent values, not twice its square
    a, b = np.random.default_rng(5).normal(0.5, 0.1, (2, 10, 200))
    found = judge("dice[a] > dice[b]", frame({"a": a, "b": b}))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.sqrt(2 * 0.01 / 2000), rel=0.15)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("check", ["dice[a] > dice[b]", "dice[a] > max(dice[b], dice[c])",
                                   "abs(dice[a] - dice[b]) < 0.2", "dice[a] / dice[b] > 1"])  # fmt: skip
def test_p_is_below_5_percent_exactly_where_the_interval_excludes_zero(check, seeds):
    rng = np.random.default_rng(11)
    both = set()
    for _ in range(40):
        base = rng.normal(3, 0.3, 5)
        values = {
            m: base + shift + rng.normal(0, 0.1, (seeds, 1)) + rng.normal(0, 0.1, (seeds, 5))
            for m, shift in (("a", rng.choice([0, 0.2, 0.5])), ("b", 0), ("c", 0))
        }
        found = judge(check, frame(values))
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0), found
        assert found.detectable > (found.high - found.low) / 2 > 0
        both.add(found.p < 0.05)
    assert both == {True, False}


def test_equal_networks_have_an_interval_around_no_difference():
    # |a - b| has a kink at 0, where a derivative from both sides would be 0
    b = B - (B - A).mean()
    found = judge("abs(dice[a] - dice[b]) < 0.02", frame({"a": A, "b": b}))
    assert found.effect == pytest.approx(0.02)
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 19) * stats.sem(A - b), rel=1e-3)


def test_different_datasets_are_unpaired_and_said():
    other = frame({"a": B[:12]}, dataset="d2")
    found = judge("dice[a, d1] > dice[a, d2]", pd.concat([frame({"a": A}), other]))
    assert found.p == pytest.approx(stats.ttest_ind(A, B[:12], equal_var=False).pvalue, rel=1e-6)
    assert found.n == 12 and "unpaired" in found.note


def test_different_cases_are_unpaired_and_said():
    b = frame({"b": B})
    b["case"] = "other-" + b["case"]
    found = judge("dice[a] > dice[b]", pd.concat([frame({"a": A}), b]))
    assert found.p == pytest.approx(stats.ttest_ind(A, B, equal_var=False).pvalue, rel=1e-6)
    assert "unpaired" in found.note


def test_max_min_mean_abs_and_arithmetic_work_on_means():
    c = B - 0.02
    metrics = frame({"a": A, "b": B, "c": c})
    a, b, c = A.mean(), B.mean(), c.mean()
    assert judge("dice[a] > max(dice[m] for m in baseline)", metrics).effect == pytest.approx(a - b)
    assert judge("dice[a] > min(dice[b], dice[c])", metrics).effect == pytest.approx(a - c)
    assert judge("dice[a] > mean(dice[b], dice[c])", metrics).effect == pytest.approx(a - (b + c) / 2)
    assert judge("abs(dice[c] - dice[a]) < 0.2", metrics).effect == pytest.approx(0.2 - (a - c))
    assert judge("10 * dice[b] / dice[a] - 1 > 2", metrics).effect == pytest.approx(10 * b / a - 3)
    best = judge("dice[a] > max(dice[b], dice[c])", metrics)
    assert best.p == pytest.approx(stats.ttest_rel(A, B).pvalue, rel=1e-5)
    assert judge("abs(dice[a] - dice[b]) < 0.2", metrics).verdict == "reproduced"
    assert judge("abs(dice[a] - dice[b]) < 0.01", metrics).verdict == "not reproduced"


def test_count_counts():
    metrics = frame({"a": A, "b": B, "c": B - 0.1})
    check = "count(dice[a] > dice[m] for m in baseline) >= {}"
    found = judge(check.format(2), metrics)
    assert (found.effect, found.verdict) == (0, "reproduced")
    assert judge(check.format(3), metrics).verdict == "not reproduced"


def test_all_comparisons_must_hold_and_the_weakest_is_shown():
    metrics = frame({"a": A, "b": B, "c": A + 0.1})
    found = judge("dice[a] > dice[b] and dice[a] > dice[c]", metrics)
    assert found.verdict == "not reproduced"
    assert found.effect == pytest.approx(-0.1)
    assert "1 of 2 comparisons reproduced, weakest: dice[a, dataset=d1] > dice[c, dataset=d1]" in found.note
    assert judge("dice[c] > dice[a] > dice[b]", metrics).verdict == "reproduced"


def test_missing_values_are_named():
    found = judge("dice[a] > dice[b]", frame({"a": A}))
    assert (found.verdict, found.note, found.n) == ("not tested", "no values of dice[b, dataset=d1]", 0)
    assert isnan(found.effect)
    many = judge("dice[a] > max(dice[b], dice[c], dice[ref], dice[low], dice[high])", frame({"a": A}))
    assert (
        many.note == "no values of dice[b, dataset=d1], dice[c, dataset=d1], dice[ref, dataset=d1] and 2 more"
    )


def test_two_cases_decide_nothing():
    found = judge("dice[a] > dice[b]", frame({"a": [1.0, 1.1], "b": [0.1, 0.2]}))
    assert found.verdict == "undecided" and "only 2 cases" in found.note


def test_a_broken_table_tests_nothing():
    results = evaluate_claims(paper(), frame({"a": A, "b": B}), {"table1": "floor above method"})
    assert results[0].verdict == "not tested" and "table1 is broken: floor above" in results[0].note


def test_labels_and_settings_are_told_apart():
    metrics = pd.concat(
        [
            frame({"a": A, "b": B}, label="mean"),
            frame({"a": A + 1, "b": B}, label="wm"),
            frame({"a": A + 9, "b": B}, label="gm"),
            frame({"a": A + 2, "b": B}, label="mean", setting="modality=t1w;r=2"),
            frame({"a": A + 4, "b": B}, label="mean", setting="modality=t1w;r=4"),
        ]
    )
    difference = (A - B).mean()
    for reference, extra in {"a": 0, "a, wm": 1, "a, r=2": 2, "a, r=4, t1w": 4, "a, modality=t1w": 3}.items():
        found = judge(f"dice[{reference}] > dice[b]", metrics)
        assert found.effect == pytest.approx(difference + extra), reference


def test_exact_metrics_are_decided_by_one_value():
    metrics = frame({"a": [[5.0]], "b": [[7.0]]}, metric="params")
    assert judge("params[a] < params[b]", metrics).verdict == "reproduced"
    assert judge("params[a] > params[b]", metrics).verdict == "not reproduced"


def test_values_of_whole_runs_are_compared_run_by_run():
    rows = frame({"a": [[0.9], [0.8], [0.85], [0.9]], "b": [[0.8], [0.72], [0.75], [0.79]]})
    rows["case"] = ""
    found = judge("dice[a] > dice[b]", rows)
    assert found.n == 4 and found.verdict == "reproduced" and "4 seeds" in found.note


@pytest.mark.parametrize(
    ("low", "high", "n", "margin", "verdict"),
    [
        (0.1, 0.3, 9, 0.2, "reproduced"),
        (0.1, 0.15, 9, 0.2, "reproduced"),
        (-0.3, -0.1, 9, 0.2, "not reproduced"),
        (-0.1, 0.1, 9, 0.2, "not reproduced"),
        (-0.1, 0.3, 9, 0.2, "undecided"),
        (-0.1, 0.3, 9, None, "undecided"),
        (-0.1, 0.1, 9, None, "undecided"),
        (-0.1, 0.1, 9, -0.2, "undecided"),
        (0.1, 0.3, 2, 0.2, "undecided"),
        (np.nan, np.nan, 9, 0.2, "undecided"),
        (0.0, 0.3, 9, 0.5, "not reproduced"),
    ],
)
def test_the_rule(low, high, n, margin, verdict):
    assert decide(low, high, n, margin)[0] == verdict


def test_equality_supports_only_what_allows_it():
    assert decide(0.0, 0.3, 9, None, strict=False)[0] == "reproduced"
    assert decide(0.0, 0.0, 1, None, strict=True, exact=True)[0] == "not reproduced"


def test_the_margin_comes_from_the_papers_table():
    assert judge("dice[a] > dice[b]", frame({"a": A, "b": B})).margin == pytest.approx(0.05)
    assert judge("hd[a] < hd[b]", frame({"a": A, "b": B})).margin == pytest.approx(1.0)
    with pytest.raises(InputError, match=r"claim c1: margin 0\.5 is not what table1 gives \(0\.05\)"):
        paper(margin=0.5)


def test_claims_file_keeps_everything(tmp_path):
    made = paper()
    results = evaluate_claims(made, frame({"a": A, "b": B}))
    write_claims(results, tmp_path / "claims.csv")
    header = (tmp_path / "claims.csv").read_text().splitlines()[0].split(",")
    assert header[:9] == ["id", "says", "check", "effect", "low", "high", "p", "n", "verdict"]
    assert header == COLUMNS
    (back,) = read_claims(tmp_path / "claims.csv")
    assert back.verdict == "reproduced" and back.effect == pytest.approx(results[0].effect, rel=1e-5)
    first = (tmp_path / "claims.csv").read_bytes()
    write_claims(evaluate_claims(made, frame({"a": A, "b": B})), tmp_path / "claims.csv")
    assert (tmp_path / "claims.csv").read_bytes() == first
    (tmp_path / "bad.csv").write_text("id\nc1\n")
    with pytest.raises(InputError, match="delete it and run again"):
        read_claims(tmp_path / "bad.csv")


def statuses(a, b):
    return {("d1", "a"): a, ("d1", "b"): b}


CONTROLS = {"low": [[0.0] * 20], "high": [[1.0] * 20]}


@pytest.mark.parametrize(
    ("better", "a", "b", "verdict", "note"),
    [
        ("a", SETTLED, SETTLED, "reproduced", ""),
        ("a", SETTLED, RISING, "reproduced", ""),
        ("a", SETTLED, NOT_LEARNED, "not tested", "B has not learned"),
        ("a", NOT_LEARNED, NOT_LEARNED, "not tested", "A, B have not learned"),
        ("a", NOT_KNOWN, SETTLED, "undecided", "not known whether its networks have learned"),
        ("b", SETTLED, SETTLED, "not reproduced", "the values point the other way"),
        ("b", RISING, SETTLED, "undecided", "still rising: A"),
        ("b", SETTLED, NOT_LEARNED, "not tested", "B has not learned"),
        ("b", SETTLED, NOT_KNOWN, "undecided", "not known whether its networks have learned"),
    ],
)
def test_networks_must_have_learned(better, a, b, verdict, note):
    values = {"a": A, "b": B} if better == "a" else {"a": B, "b": A}
    found = judge("dice[a] > dice[b]", frame({**values, **CONTROLS}), learned=statuses(a, b))
    assert found.verdict == verdict and note in found.note
    assert np.isfinite(found.effect), "the effect is shown whatever becomes of it"


def test_a_claim_says_which_network_is_not_settled():
    metrics = frame({"a": A, "b": B, "c": B})
    found = judge("dice[a] > max(dice[b], dice[c])", metrics, learned=statuses(SETTLED, RISING))
    assert (found.verdict, found.learned) == ("reproduced", "still rising: B")
    both = judge("dice[a] > dice[b]", metrics, learned=statuses(RISING, NOT_KNOWN))
    assert both.learned == "not known: B; still rising: A"
    assert judge("dice[a] > dice[b]", metrics, learned=statuses(SETTLED, SETTLED)).learned == ""


def test_untrained_methods_and_other_datasets_block_nothing():
    learned = {("d1", "b"): SETTLED, ("d2", "a"): NOT_LEARNED}
    found = judge("dice[a] > dice[b]", frame({"a": A, "b": B}), learned=learned)
    assert (found.verdict, found.learned) == ("reproduced", "")


def test_a_count_of_parameters_needs_no_learning():
    metrics = frame({"a": [[5.0]], "b": [[7.0]]}, metric="params")
    found = judge("params[a] < params[b]", metrics, learned=statuses(NOT_LEARNED, NOT_KNOWN))
    assert (found.verdict, found.learned) == ("reproduced", "") and isnan(found.detectable)


def test_networks_that_found_nothing_are_not_compared():
    # seen outside: Dice 0.0004 against 0.0000 was "reproduced"
    rng = np.random.default_rng(2)
    noise = 0.0004 + rng.normal(0, 0.00002, (3, 20))
    nothing = {"b": np.zeros((3, 20)), **CONTROLS}
    found = judge("dice[a] > dice[b]", frame({"a": noise, **nothing}))
    assert found.low > 0, "the numbers alone would say reproduced"
    assert found.verdict == "not tested" and "neither has learned" in found.note
    # seen outside: 0 against 0 was "not reproduced"
    zero = judge("dice[a] > dice[b]", frame({"a": np.zeros((3, 20)), **nothing}))
    assert zero.verdict == "not tested" and "neither has learned" in zero.note
    alone = judge("dice[a] > dice[b]", frame({"a": np.zeros((3, 20)), "b": np.zeros((3, 20))}))
    assert alone.verdict == "undecided" and "equal in every case" in alone.note


def test_one_side_above_the_floor_is_compared():
    found = judge("dice[a] > dice[b]", frame({"a": A, "b": np.zeros((3, 20)), **CONTROLS}))
    assert found.verdict == "reproduced"
    # without a ceiling there is no window
    low = {"low": [[0.0] * 20]}
    assert judge("dice[a] > dice[b]", frame({"a": A / 1000, "b": B / 1000, **low})).verdict == "reproduced"


def test_seeds_that_differ_make_p_large_too():
    # seen outside: p < 0.001 beside an interval that includes zero
    shift = np.array([[-0.03], [0.0], [0.03]])
    found = judge("dice[a] > dice[b]", frame({"a": A + shift, "b": B - shift}))
    assert stats.ttest_rel(A, B).pvalue < 0.001
    assert found.low < 0 < found.high and found.p > 0.05


def test_a_demo_judges_nothing_and_shows_the_effect():
    for values in ({"a": A, "b": B}, {"a": B, "b": A}, {"a": A}):
        found = judge("dice[a] > dice[b]", frame(values), judged=False)
        assert found.verdict == "not judged" and "reproduced" not in found.note
    whole = judge("dice[a] > dice[b]", frame({"a": A, "b": B}))
    shown = judge("dice[a] > dice[b]", frame({"a": A, "b": B}), judged=False)
    assert (shown.effect, shown.low, shown.p) == (whole.effect, whole.low, whole.p)
    many = judge("dice[a] > dice[b] and dice[a] > dice[c]", frame({"a": A, "b": B, "c": B}), judged=False)
    assert many.verdict == "not judged" and many.note.startswith("2 comparisons, weakest: ")
    results = evaluate_claims(paper(), frame({"a": A, "b": B}), {"table1": "floor above"}, judged=False)
    assert results[0].verdict == "not judged" and "table1 is broken" in results[0].note


def test_p_belongs_to_the_comparison_that_is_shown():
    metrics = frame({"a": A, "b": B, "c": A + 0.1})
    found = judge("dice[a] > dice[b] and dice[a] > dice[c]", metrics)
    assert found.high < 0 and found.p < 0.05
