"""Drawing: by mouse, finger and keys, and what is answered while the hand moves."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Error, expect
from visiting import SEVEN, THREE, Visit

from serving.settings import DEFAULT_MODEL

pytestmark = pytest.mark.browser


def answered(digit: int) -> str:
    """A body of /predict as the service sends it."""
    probabilities = [0.91 if place == digit else 0.01 for place in range(10)]
    told = {"source": "drawing.png", "index": 0, "status": "digit", "digit": digit, "name": str(digit), "confidence": 0.91}
    told |= {"probabilities": probabilities, "reason": None, "message": None, "model": "reader@0123456789ab"}
    return json.dumps({"model": "reader@0123456789ab", "predictions": [told]})


def test_a_seven_drawn_with_the_mouse_is_read(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.word).to_have_text("7")
    expect(desk.page.locator("#line")).to_have_text("This is a 7.")
    expect(desk.page.locator("#sure")).to_contain_text("sure")
    expect(desk.page.get_by_role("row", name="7")).to_contain_text("99")
    seen = desk.page.get_by_alt_text("pixels that the network saw")
    assert seen.evaluate("image => [image.naturalWidth, image.naturalHeight, getComputedStyle(image).imageRendering]") == [
        28,
        28,
        "pixelated",
    ]


def test_it_answers_while_somebody_draws(desk: Visit) -> None:
    first, corner, last = desk.places(SEVEN[0])
    desk.page.mouse.move(*first)
    desk.page.mouse.down()
    desk.page.mouse.move(*corner, steps=4)
    desk.page.mouse.move(*last, steps=4)
    expect(desk.word).to_have_text("7")  # the button is still down
    desk.page.mouse.up()
    expect(desk.word).to_have_text("7")


def test_undo_takes_strokes_back_one_by_one_and_clear_all(desk: Visit) -> None:
    strokes = desk.page.locator("#paper path")
    desk.draw([*SEVEN, [(0.3, 0.5), (0.6, 0.5)]])
    expect(strokes).to_have_count(2)
    desk.page.get_by_role("button", name="Undo").click()
    expect(strokes).to_have_count(1)
    expect(desk.word).to_have_text("7")
    desk.page.keyboard.press("Control+z")
    expect(strokes).to_have_count(0)
    expect(desk.page.locator("#line")).to_have_text("Nothing to answer yet.")
    expect(desk.page.get_by_role("button", name="Undo")).to_be_disabled()
    desk.draw(THREE)
    expect(desk.word).to_have_text("3")
    desk.page.get_by_role("button", name="Clear").click()
    expect(strokes).to_have_count(0)
    expect(desk.word).to_be_empty()


def test_the_pen_has_widths(desk: Visit) -> None:
    pen = desk.page.get_by_role("slider", name="Pen")
    for width in ("8", "40"):
        pen.fill(width)
        desk.draw(SEVEN)
        expect(desk.page.locator("#paper path").last).to_have_attribute("stroke-width", width)
        expect(desk.word).to_have_text("7")
        desk.page.get_by_role("button", name="Clear").click()


def test_a_finger_draws_and_does_not_scroll(visit: Callable[..., Visit]) -> None:
    phone = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(phone.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    touch = phone.page.context.new_cdp_session(phone.page)
    way = [(0.3 + 0.1 * step, 0.22) for step in range(5)] + [
        (0.7 - 0.05 * step, 0.22 + 0.116 * step) for step in range(1, 6)
    ]
    for place, (x, y) in enumerate(phone.places(way)):
        kind = "touchMove" if place else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(phone.word).to_have_text("7")
    expect(phone.page.locator("#paper path")).to_have_count(1)
    assert phone.page.evaluate("() => scrollY") == 0


def test_a_seven_drawn_with_the_keys_is_read(desk: Visit) -> None:
    keys = desk.page.keyboard
    desk.page.locator("#paper").focus()
    keys.press("Space")
    for _ in range(4):
        keys.press("Shift+ArrowRight")
    for _ in range(6):
        keys.press("ArrowDown")
        keys.press("ArrowDown")
        keys.press("ArrowLeft")
    for _ in range(4):
        keys.press("ArrowDown")
    keys.press("Space")
    expect(desk.word).to_have_text("7")
    keys.press("Backspace")
    expect(desk.word).to_be_empty()


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(desk: Visit) -> None:
    held = desk.hold("**/predict?*")
    words = desk.words()
    for height in (0.3, 0.5):
        desk.draw([[(0.3, height), (0.6, height)]])
    desk.wait_until(lambda: len(held) >= 2)
    *late, newest = held
    newest.fulfill(body=answered(7), content_type="application/json")
    expect(desk.word).to_have_text("7")
    for one in late:
        with suppress(Error):  # the page has given it up
            one.fulfill(body=answered(3), content_type="application/json")
    known = len(held)
    desk.draw([[(0.3, 0.7), (0.6, 0.7)]])
    desk.wait_until(lambda: len(held) > known)
    held[-1].fulfill(body=answered(4), content_type="application/json")
    expect(desk.word).to_have_text("4")
    assert words() == ["7", "4"]


def test_what_was_asked_before_the_paper_was_cleared_is_not_shown(desk: Visit) -> None:
    held = desk.hold("**/predict?*")
    words = desk.words()
    desk.draw(SEVEN)
    desk.wait_until(lambda: len(held) >= 1)
    desk.page.get_by_role("button", name="Clear").click()
    late = list(held)
    for one in late:
        with suppress(Error):
            one.fulfill(body=answered(7), content_type="application/json")
    desk.draw(THREE)
    desk.wait_until(lambda: len(held) > len(late))
    held[-1].fulfill(body=answered(3), content_type="application/json")
    expect(desk.word).to_have_text("3")
    assert words() == ["3"]


NEWEST = """async () => {
    const { Newest } = await import("/page/newest.js");
    const newest = new Newest(), shown = [], answer = [], aborted = [];
    const ask = (name) => newest.ask(
        (signal) => new Promise((resolve) => {
            answer[name] = () => resolve(name);
            signal.addEventListener("abort", () => aborted.push(name));
        }),
        (given) => shown.push(given), (error) => shown.push(`failed ${error}`));
    const asked = ["a", "b", "c", "d"].map(ask);
    answer.b(); await asked[1];  // before the newest: shown meanwhile
    answer.a(); await asked[0];  // overtaken, and its answer comes all the same
    answer.d(); await asked[3];
    answer.c(); await asked[2];
    const last = ask("e");
    newest.forget();
    answer.e(); await last;
    return { shown, aborted };
}"""


def test_answers_are_shown_in_the_order_of_their_questions(desk: Visit) -> None:
    assert desk.page.evaluate(NEWEST) == {"shown": ["b", "d"], "aborted": ["a", "c", "e"]}


PIXELS = """async () => {
    const { drawn } = await import("/page/strokes.js");
    const picture = drawn([{ width: 40, points: [[140, 140]] }]);
    const look = async (reading) => {
        const image = await createImageBitmap(await picture.file(reading));
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        return [[140, 140], [5, 5]].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
    };
    return [await look("digit"), await look("plain")];
}"""


def test_a_drawing_is_ink_on_paper_for_digits_and_light_on_black_for_clothes(desk: Visit) -> None:
    black, white = [0, 0, 0, 255], [255, 255, 255, 255]
    assert desk.page.evaluate(PIXELS) == [[black, white], [white, black]]
