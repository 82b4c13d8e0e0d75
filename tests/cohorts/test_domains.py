"""Who trains and who is tested across domains: patients stay whole, targets have no part in selection."""

from dataclasses import fields

import pytest

from mlmi2023.cohorts.find.domains import Parts, Sample, domain_parts
from mlmi2023.core.errors import InputError


def cohort(domains=("a", "b", "c"), patients=20, images=2):
    return [
        Sample(f"{domain}{who}_{number}", f"{domain}{who}", domain)
        for domain in domains
        for who in range(patients)
        for number in range(images)
    ]


def domains(samples, rows):
    return {samples[row].domain for row in rows}


def people(samples, rows):
    return {samples[row].patient for row in rows}


def test_one_domain_is_left_out_and_the_others_train_and_validate():
    samples = cohort()
    parts = domain_parts("here", samples, ["b"])
    assert domains(samples, parts.train) == domains(samples, parts.val) == {"a", "c"}
    assert sorted(parts.test) == [row for row, sample in enumerate(samples) if sample.domain == "b"]
    assert not parts.target_labelled and not parts.target_unlabelled
    assert parts.with_labels == tuple(sorted(parts.train + parts.val))
    for domain in "ac":
        held = [who for who in people(samples, parts.val) if who.startswith(domain)]
        assert len(held) == 4  # a fifth of each source


def test_patients_stay_on_one_side():
    samples = cohort()
    for seed in range(5):
        parts = domain_parts("here", samples, ["c"], shots=5, draw=seed, seed=seed, unlabelled=0.5)
        sides = [people(samples, getattr(parts, field.name)) for field in fields(Parts)]
        assert all(not a & b for n, a in enumerate(sides) for b in sides[n + 1 :])
        assert len(parts.target_labelled) == 5
        # the other image of the third patient is used by nobody
        assert sum(len(getattr(parts, field.name)) for field in fields(Parts)) == len(samples) - 1


def test_draws_differ_and_seeds_do_not_move_the_shots():
    samples = cohort()
    one, two = (domain_parts("here", samples, ["a"], shots=4, draw=draw) for draw in (0, 1))
    other = domain_parts("here", samples, ["a"], shots=4, draw=0, seed=9)
    assert one.target_labelled != two.target_labelled and one.train == two.train
    assert one.target_labelled == other.target_labelled and one.val != other.val
    assert domain_parts("here", samples, ["a"], shots=4) == one


def test_tested_images_themselves_may_be_there_without_labels():
    samples = cohort()
    parts = domain_parts("here", samples, ["a"], ["b"], shots=2, unlabelled="test")
    assert parts.target_unlabelled == parts.test and domains(samples, parts.train) == {"b"}
    assert not set(parts.test) & set(parts.with_labels)


def test_a_share_of_patients_may_be_shots():
    samples = cohort()
    parts = domain_parts("here", samples, ["a"], shots=0.5)
    assert len(people(samples, parts.target_labelled)) == len(people(samples, parts.test)) == 10


def test_who_was_seen_in_a_target_too_does_not_train():
    samples = [*cohort(), Sample("again", "a0", "b"), Sample("more", "a0", "a")]
    parts = domain_parts("here", samples, ["b"])
    assert "a0" in people(samples, parts.test)
    assert "a0" not in people(samples, parts.with_labels)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"targets": ["d"]}, "here: key 'targets' names the domain 'd'"),
        ({"targets": []}, "key 'targets' names no domain; the cohort has a, b, c"),
        ({"targets": ["a"], "sources": ["aa"]}, "key 'sources' names the domain 'aa'"),
        ({"targets": ["a"], "sources": ["a", "b"]}, "domain 'a' is source and target"),
        ({"targets": ["a", "b", "c"]}, "key 'sources' names no domain"),
        ({"targets": ["a"], "val": 1.0}, "source 'b' has 20 patients, who cannot both train and validate"),
        ({"targets": ["a"], "shots": 40}, "no patient of target 'a' is left to test"),
    ],
)
def test_what_cannot_be_is_one_line(asked, says):
    with pytest.raises(InputError, match=says) as caught:
        domain_parts("here", cohort(), **asked)
    assert "\n" not in str(caught.value)
