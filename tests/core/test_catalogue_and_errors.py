"""Wrong names are answered with the nearest one; errors are one tree and list all faults of a table."""

from __future__ import annotations

import pytest

from radcnn.core import errors
from radcnn.core.catalogue import did_you_mean, look_up


def test_a_known_name_gives_its_entry() -> None:
    assert look_up({"adam": 1, "sgd": 2}, "sgd", "optimizer") == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("adm", "optimizer 'adm' is unknown: did you mean adam?"),
        ("momentun", "optimizer 'momentun' is unknown: did you mean momentum?"),
        ("zzz", "optimizer 'zzz' is unknown: known are adam, momentum, sgd"),
        ("", "optimizer '' is unknown: known are adam, momentum, sgd"),
    ],
)
def test_a_wrong_name_is_answered(name: str, says: str) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        look_up({"sgd": 0, "adam": 0, "momentum": 0}, name, "optimizer")
    assert str(caught.value) == says


def test_an_empty_catalogue_says_so() -> None:
    assert did_you_mean("x", []) == "none is known"


def test_every_error_of_a_person_is_an_input_error_and_drawn_in_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.RadcnnError) for kind in kinds)
    assert all(kind.__name__ in str(errors.__doc__) for kind in kinds)
    assert all(issubclass(kind, errors.InputError) for kind in kinds if kind is not errors.RadcnnError)


def test_faults_of_a_table_come_all_at_once_but_not_without_end() -> None:
    one = errors.TableError("t.csv", ["row 3: no image"])
    assert str(one) == "t.csv has 1 fault:\n  row 3: no image"
    many = errors.TableError("t.csv", [f"row {i}" for i in range(50)], shown=2)
    assert str(many) == "t.csv has 50 faults:\n  row 0\n  row 1\n  ... and 48 more"
    assert len(many.faults) == 50
