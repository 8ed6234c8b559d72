from dataclasses import fields, replace

import pytest

from serving.reading import Limits
from serving.settings import SettingInvalid, from_environment


def test_nothing_set_gives_the_defaults() -> None:
    assert from_environment({}).limits == Limits()


@pytest.mark.parametrize("name", [one.name for one in fields(Limits)])
def test_every_limit_of_a_picture_has_its_variable(name: str) -> None:
    variable = f"DIGITS_MAX_PICTURE_{name.removeprefix('max_').upper()}"
    assert from_environment({variable: "7"}).limits == replace(Limits(), **{name: 7})
    with pytest.raises(SettingInvalid, match=f"{variable} must be a whole number from 1, not '0'"):
        from_environment({variable: "0"})
