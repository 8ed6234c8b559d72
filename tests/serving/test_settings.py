import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from serving.reading import Limits
from serving.settings import SettingInvalid, Settings, from_environment


def test_nothing_set_gives_the_defaults() -> None:
    assert from_environment({}).limits == Limits()


@pytest.mark.parametrize("name", [one.name for one in fields(Limits)])
def test_every_limit_of_a_picture_has_its_variable(name: str) -> None:
    variable = f"DIGITS_MAX_PICTURE_{name.removeprefix('max_').upper()}"
    assert from_environment({variable: "7"}).limits == replace(Limits(), **{name: 7})
    with pytest.raises(SettingInvalid, match=f"{variable} must be a whole number from 1, not '0'"):
        from_environment({variable: "0"})


def test_every_variable_is_in_the_documentation_with_its_default() -> None:
    told = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
    rows = dict(re.findall(r"\| `(DIGITS_\w+)`[^|]*\| ([^|]*) \|", told))
    named = {f"DIGITS_{one.name.upper()}": one.default for one in fields(Settings) if one.name not in {"models", "limits"}}
    named |= {f"DIGITS_MAX_PICTURE_{one.name.removeprefix('max_').upper()}": one.default for one in fields(Limits)}
    assert named.keys() | {"DIGITS_MODELS"} == rows.keys()
    for name, default in named.items():
        text = rows[name].strip("`").replace(",", "")
        shown = re.sub(r" million$", "000000", text)
        assert shown in {str(default), f"{default / 2**20 if isinstance(default, int) else 0:g} MiB"} or default == (), name
