"""The README's lines for a browser are run in one."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from visiting import Visit

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.browser


def test_the_readmes_fetch_prints_the_digit(visit: Callable[..., Visit], digits: list[bytes]) -> None:
    shown = re.search(r"```js\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    desk = visit()
    said: list[str] = []
    desk.page.on("console", lambda message: said.append(message.text))
    data = base64.b64encode(digits[7]).decode()
    desk.page.evaluate(
        f"""async (data) => {{
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
            const file = new File([bytes], "7.png", {{ type: "image/png" }});
            {shown[1]}
        }}""",
        data,
    )
    assert said == ["7"]
