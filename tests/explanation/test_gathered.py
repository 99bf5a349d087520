import numpy as np
import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.explanation import gathered as module
from radcnn.explanation.gathered import gathered, in_parts, penultimate
from radcnn.networks import build


def clouds(seed, cases=40):
    """Two clouds of cases, well apart; and which of them each lies in."""
    rng = np.random.default_rng(seed)
    side = np.arange(cases) % 2
    return rng.normal(size=(cases, 5)) + 8 * side[:, None], side


def test_errors_that_lie_in_one_cloud_are_found_and_the_cloud_stands_first():
    values, side = clouds(0)
    wrong = (side == 1) & (np.arange(40) % 4 != 1)
    found = gathered(values, wrong, [f"p{k}" for k in range(40)], groups=2)
    assert [set(side[list(group.rows)]) for group in found.groups] == [{1}, {0}]
    assert [group.errors.value for group in found.groups] == [0.5, 0.0]
    assert found.p is not None
    assert found.p < 0.01
    middle = values[side == 1].mean(0)
    away = np.linalg.norm(values / values.std(0) - middle / values.std(0), axis=1)
    assert found.groups[0].rows[0] == int(np.where(side == 1, away, np.inf).argmin())


def test_errors_of_patients_that_lie_anywhere_are_called_gathered_no_more_often_than_chance_has_it(monkeypatch):
    # each patient's six cases are alike and all right or all wrong: taken case by case they would always seem to gather
    monkeypatch.setattr(module, "PERMUTATIONS", 99)
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.normal(size=(12, 3)), 6, axis=0) + rng.normal(size=(72, 3)) / 20
        wrong = np.repeat(rng.permutation(12) < 4, 6)
        found.append(gathered(values, wrong, np.repeat(np.arange(12), 6), groups=3, seed=seed).p)
    assert np.mean(np.array(found) <= 0.1) <= 0.25  # four of forty expected, twelve or more once in ten thousand
    assert 0.3 < np.mean(found) < 0.75


@pytest.mark.parametrize(
    ("wrong", "patients", "said"),
    [
        (np.zeros(6, bool), list("abcdef"), "no answer is wrong"),
        (np.ones(6, bool), list("abcdef"), "all answers are wrong"),
        (np.arange(6) < 2, list("abbccc"), "no two patients have as many cases"),
    ],
)
def test_where_nothing_can_be_permuted_it_is_said_why(wrong, patients, said):
    found = gathered(clouds(1, 6)[0], wrong, patients, groups=2)
    assert found.p is None
    assert said in found.undefined


def test_too_few_cases_or_groups_are_refused_and_cases_that_are_all_alike_are_one_group():
    for groups, cases in ((1, 9), (4, 11)):
        with pytest.raises(SettingsError, match="must be 2 or more, of 3 cases or more"):
            gathered(clouds(0, cases)[0], [True] * cases, list("abcdefghijk")[:cases], groups=groups)
    assert len(gathered(np.ones((6, 2)), [True, False] * 3, list("abcdef"), groups=2).groups) == 1


def test_features_are_what_the_last_dense_layer_is_given():
    network = build("resnet18", channels=1, outputs=2, options={"base_width": 4}, seed=0).eval().requires_grad_(False)
    images = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    found = penultimate(network, images, at_once=2)
    logits = torch.from_numpy(found).float() @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(logits, network(images))
    assert not network.head._forward_pre_hooks
    assert in_parts(torch.ones(3, 8, 16, 16)).shape == (3, 343)
