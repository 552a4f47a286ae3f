import pytest

from aejax.train.differences import refuse_differences
from aejax.types import InputError


def test_what_agrees_is_let_pass():
    refuse_differences({"a": 1, "b": {"c": [2.0]}, "d": None}, {"b": {"c": [2.0]}, "a": 1}, "")   # None: not there


@pytest.mark.parametrize(("saved", "asked", "text"), [
    ({"a": {"b": 1}}, {"a": {"b": 2}}, "it (a.b: 1 saved, 2 asked)"),
    ({"a": None}, {"a": {"b": 1, "c": 2}}, "it (a: saved without, b=1 c=2 asked)"),
    ({"a": 0}, {}, "it (a: 0 saved, asked without)"),
    ({"a": {"b": 1}}, {"a": "x"}, "it (a: b=1 saved, x asked)"),
    ({str(i): i for i in range(7)}, {}, "4: 4 saved, asked without; and 2 more); choose another folder")])
def test_each_difference_is_named(saved, asked, text):
    with pytest.raises(InputError) as error:
        refuse_differences(saved, asked, "it")
    assert text in str(error.value) and "\n" not in str(error.value)
