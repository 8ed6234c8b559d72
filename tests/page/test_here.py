"""The switch: the same network in the browser instead of at the service."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Route, expect
from visiting import SEVEN, THREE, Visit

from serving.settings import DEFAULT_MODEL

pytestmark = pytest.mark.browser

NOWHERE = {"can_run": False, "limits": {}}


def switch(visit: Visit, name: str) -> Locator:
    return visit.page.get_by_role("radio", name=name)


def bring(visit: Visit, digits: list[bytes]) -> None:
    files = [{"name": f"{place}.png", "mimeType": "image/png", "buffer": data} for place, data in enumerate(digits)]
    visit.page.locator("#files").set_input_files(files)  # type: ignore[arg-type]


def questions(visit: Visit) -> list[str]:
    return [address for address in visit.addresses if "/predict" in address]


def openings(visit: Visit) -> list[str]:
    return [address for address in visit.addresses if address.endswith("model.onnx")]


def test_without_what_runs_a_network_there_is_no_switch(visit: Callable[..., Visit]) -> None:
    def told(route: Route) -> None:
        route.fulfill(body=json.dumps(NOWHERE), content_type="application/json")

    one = visit(before=lambda page: page.route("**/page/local.json", told))
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    expect(one.page.locator("#where")).to_be_hidden()
    one.draw(SEVEN)
    expect(one.word).to_have_text("7")
    assert not [address for address in one.addresses if "runtime" in address or "model.onnx" in address]


@pytest.mark.usefixtures("runtime")
def test_in_the_browser_nothing_is_sent(desk: Visit) -> None:
    assert not [address for address in desk.addresses if "runtime" in address], "fetched when it is wanted, not before"
    switch(desk, "In this browser").check()
    desk.draw(SEVEN)
    expect(desk.word).to_have_text("7")
    expect(desk.page.locator("#sure")).to_contain_text("sure")
    expect(desk.page.locator("#where-line")).to_contain_text("Pictures stay in this browser")
    expect(desk.page.get_by_alt_text("pixels that the network saw")).to_be_visible()
    expect(desk.page.locator("#networks-line")).to_contain_text("does not get to see this picture")
    desk.page.get_by_role("button", name="Clear").click()
    desk.draw(THREE)
    expect(desk.word).to_have_text("3")
    assert questions(desk) == []
    assert len(openings(desk)) == 1


@pytest.mark.usefixtures("runtime")
def test_the_same_picture_is_answered_at_either_place(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    sure = desk.page.locator("#sure").inner_text()
    asked = len(questions(desk))
    switch(desk, "In this browser").check()
    expect(desk.page.locator("#sure")).to_have_text(sure)
    assert len(questions(desk)) == asked
    switch(desk, "At the service").check()
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    expect(desk.page.locator("#where-line")).to_be_hidden()
    expect(desk.page.locator("#sure")).to_have_text(sure)
    assert len(questions(desk)) == asked, "what the service said is known still"


@pytest.mark.usefixtures("runtime")
def test_only_the_network_that_can_is_offered_it(desk: Visit) -> None:
    switch(desk, "In this browser").check()
    chooser = desk.page.get_by_role("combobox", name="Network that answers")
    expect(chooser).to_have_value(DEFAULT_MODEL)
    expect(desk.page.get_by_role("button", name=DEFAULT_MODEL, exact=True)).to_have_attribute("aria-pressed", "true")
    chooser.select_option("convnet")
    expect(desk.page.locator("#where")).to_be_hidden()
    desk.draw(SEVEN)
    expect(desk.word).to_have_text("7")
    assert [address for address in questions(desk) if "model=convnet" in address]
    chooser.select_option(DEFAULT_MODEL)
    expect(switch(desk, "At the service")).to_be_checked()


@pytest.mark.usefixtures("runtime")
def test_what_was_drawn_here_is_not_sent_before_somebody_says_so(desk: Visit) -> None:
    offer = desk.page.get_by_role("button", name="Send it to the service")
    chooser = desk.page.get_by_role("combobox", name="Network that answers")
    switch(desk, "In this browser").check()
    desk.draw([SEVEN[0][:2]])
    expect(desk.page.get_by_alt_text("pixels that the network saw")).to_be_visible()
    switch(desk, "At the service").check()
    expect(offer).to_be_visible()
    desk.draw([SEVEN[0][1:]])  # it is still the drawing that was begun here
    expect(desk.page.locator("#line")).to_have_text(
        f"This picture has stayed in this browser; {DEFAULT_MODEL} answers at the service."
    )
    desk.page.wait_for_timeout(500)  # more than any rest of the hand that is waited for
    switch(desk, "In this browser").check()
    expect(desk.word).to_have_text("7")
    desk.page.get_by_role("button", name="Clear").click()
    desk.draw(THREE)
    expect(desk.word).to_have_text("3")
    desk.page.get_by_role("button", name="convnet", exact=True).click()
    expect(offer).to_be_visible()
    expect(desk.page.locator("#networks-line")).to_contain_text("does not get to see this picture unless you send it")
    desk.page.locator("#session-list button").nth(1).click()
    expect(desk.page.locator("#paper path")).to_have_count(2)
    expect(offer).to_be_visible()
    chooser.select_option("lab_cnn")
    desk.page.wait_for_timeout(500)
    expect(offer).to_be_visible()
    assert questions(desk) == []
    offer.click()
    expect(desk.word).to_have_text("7")
    expect(offer).to_be_hidden()
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    asked = len(questions(desk))
    desk.page.locator("#session-list button").first.click()  # the other one was not sent with it
    expect(offer).to_be_visible()
    assert len(questions(desk)) == asked


@pytest.mark.usefixtures("runtime")
def test_a_list_of_this_browser_is_not_sent_by_another_choice(desk: Visit, digits: list[bytes]) -> None:
    desk.hold("**/ort.wasm")  # all of them wait for it
    switch(desk, "In this browser").check()
    bring(desk, digits)
    expect(desk.page.locator("#several-tally")).to_have_text("10 waiting.")
    desk.page.get_by_role("button", name="convnet", exact=True).click()
    expect(desk.page.get_by_role("button", name="Send it to the service")).to_be_visible()
    desk.page.locator("#several-list button").nth(3).click()
    desk.page.wait_for_timeout(500)
    assert questions(desk) == []


@pytest.mark.usefixtures("runtime")
def test_a_list_of_the_service_is_sent_no_further_once_this_browser_answers(desk: Visit, digits: list[bytes]) -> None:
    held = desk.hold("**/predict?*")
    bring(desk, [*digits, *digits])
    desk.wait_until(lambda: len(held) == 2)  # for the list's first portion, and for the one that is looked at
    switch(desk, "In this browser").check()
    expect(desk.page.locator("#several-tally")).to_have_text("20 read.")
    for route in held:
        route.continue_()
    desk.page.wait_for_timeout(500)
    assert len(questions(desk)) == 2


def test_what_is_asked_here_never_goes_to_the_service_instead(visit: Callable[..., Visit]) -> None:
    def told(route: Route) -> None:
        route.fulfill(body=json.dumps(NOWHERE), content_type="application/json")

    one = visit(before=lambda page: page.route("**/page/local.json", told))
    failure = one.page.evaluate("""async () => {
        const { answers, catalogue } = await import("/page/answer.js");
        const [card] = (await catalogue()).models, { signal } = new AbortController();
        const picture = { name: "a.png", url: null, file: async () => new Blob(["a"]) };
        return answers([picture], { card: { ...card, isHere: true }, signal }).then(() => "", (error) => error.message);
    }""")
    assert failure == "no network answers in this browser"
    assert questions(one) == []


@pytest.mark.usefixtures("runtime")
def test_several_pictures_are_read_in_the_browser_too(desk: Visit, digits: list[bytes], broken: dict[str, bytes]) -> None:
    switch(desk, "In this browser").check()
    contents = [*((f"{place}.png", data) for place, data in enumerate(digits)), ("half.png", broken["truncated"])]
    files = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in contents]
    desk.page.locator("#files").set_input_files(files)  # type: ignore[arg-type]
    expect(desk.page.locator("#several-tally")).to_have_text("10 read, 1 not read.")
    words = desk.page.locator("#several-list .tile__word").all_inner_texts()
    assert words == [*"0123456789", "not read"]
    assert questions(desk) == []


@pytest.mark.usefixtures("runtime")
def test_another_file_than_the_proved_one_does_not_answer(desk: Visit, url: str) -> None:
    known = httpx.get(f"{url}/models/{DEFAULT_MODEL}/model.onnx")
    file = bytearray(known.content)
    file[-1] ^= 1
    desk.failures_are_expected = True
    desk.page.route("**/model.onnx", lambda route: route.fulfill(body=bytes(file), headers={"etag": known.headers["etag"]}))
    switch(desk, "In this browser").check()
    desk.draw(SEVEN)
    expect(desk.page.get_by_role("alert")).to_contain_text("not the one that its card proves")
    expect(desk.page.locator("#line")).to_have_text("No answer.")
    assert any("not the one" in complaint for complaint in desk.complaints)
    desk.complaints.clear()
    desk.page.unroute("**/model.onnx")
    desk.page.locator("#problem").get_by_role("button", name="Try again").click()
    expect(desk.word).to_have_text("7")


@pytest.mark.usefixtures("runtime")
def test_a_model_that_was_exchanged_meanwhile_does_not_answer_under_the_olds_name(desk: Visit, url: str) -> None:
    file = httpx.get(f"{url}/models/{DEFAULT_MODEL}/model.onnx").content
    desk.page.route("**/model.onnx", lambda route: route.fulfill(body=file, headers={"etag": f'"{64 * "0"}"'}))
    switch(desk, "In this browser").check()
    desk.draw(SEVEN)
    expect(desk.page.get_by_role("alert")).to_contain_text("Load the page anew")
    expect(desk.word).to_be_empty()


@pytest.mark.usefixtures("runtime")
def test_what_fails_here_is_tried_once_for_a_list_and_told_in_our_words(desk: Visit, digits: list[bytes]) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/ort.wasm", lambda route: route.abort())
    switch(desk, "In this browser").check()
    bring(desk, digits)
    failed = desk.page.locator("#several-list .tile__line").filter(has_text="cannot be loaded.")
    expect(failed).to_have_count(10)
    expect(desk.page.get_by_role("alert")).to_have_text("What runs the network in this browser cannot be loaded.")
    assert len(openings(desk)) <= 3, "for the list, and for the one that is looked at before and after"
    assert desk.page.workers == []
    desk.complaints.clear()  # where the library's words are
    desk.page.unroute("**/ort.wasm")
    desk.page.locator("#several").get_by_role("button", name="Try again").click()
    expect(desk.page.locator("#several-tally")).to_have_text("10 read.")
    assert len(desk.page.workers) == 1
    desk.page.workers[0].evaluate("() => void setTimeout(() => { throw new Error('out of order'); })")
    desk.wait_until(lambda: desk.page.workers == [])
    desk.complaints.clear()
    desk.page.get_by_role("button", name="Clear").click()
    desk.draw(SEVEN)
    expect(desk.word).to_have_text("7")


@pytest.mark.usefixtures("runtime")
def test_a_refusal_of_the_models_file_is_not_asked_about_in_halves(desk: Visit, digits: list[bytes]) -> None:
    desk.failures_are_expected = True
    told = {"error": {"code": "unknown_model", "message": "Another is the default now."}}
    desk.page.route("**/model.onnx", lambda route: route.fulfill(status=404, json=told))
    switch(desk, "In this browser").check()
    bring(desk, digits)
    failed = desk.page.locator("#several-list .tile__line").filter(has_text="Another is the default now.")
    expect(failed).to_have_count(10)
    expect(desk.page.get_by_role("alert")).to_have_text("Another is the default now.")
    assert len(openings(desk)) <= 3
    desk.page.get_by_role("combobox").select_option("convnet")
    kept = desk.page.locator("#several-list .tile__line").filter(has_text="It stays in this browser until you send it.")
    expect(kept).to_have_count(10)
    desk.page.locator("#several").get_by_role("button", name="Try again").click()
    expect(kept).to_have_count(10)
    assert questions(desk) == []


@pytest.mark.usefixtures("runtime")
def test_what_does_not_come_is_waited_for_with_a_word_and_not_for_ever(visit: Callable[..., Visit]) -> None:
    one = visit(before=lambda page: page.clock.install())
    one.failures_are_expected = True
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    held = one.hold("**/ort.wasm")
    switch(one, "In this browser").check()
    one.draw(SEVEN)
    expect(one.page.locator("#line")).to_have_text("Fetching what it takes to answer here …")
    one.wait_until(lambda: bool(held))
    one.page.clock.fast_forward("02:01")
    expect(one.page.get_by_role("alert")).to_contain_text("has not come in time")
    assert one.page.workers == []
    one.page.unroute("**/ort.wasm")
    one.page.locator("#problem").get_by_role("button", name="Try again").click()
    expect(one.word).to_have_text("7")


def test_a_browser_without_webassembly_has_no_switch(visit: Callable[..., Visit]) -> None:
    one = visit(before=lambda page: page.add_init_script("delete globalThis.WebAssembly"))
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    expect(one.page.locator("#where")).to_be_hidden()


@pytest.mark.usefixtures("runtime")
def test_a_file_that_changes_after_it_was_brought_costs_only_itself(
    desk: Visit, digits: list[bytes], tmp_path: Path
) -> None:
    files = [tmp_path / f"{digit}.png" for digit in (1, 2, 3)]
    for file, data in zip(files, digits[1:4], strict=True):
        file.write_bytes(data)
    held = desk.hold("**/ort.wasm")
    switch(desk, "In this browser").check()
    desk.page.locator("#files").set_input_files(files)
    desk.wait_until(lambda: bool(held))
    files[1].unlink()
    held[0].continue_()
    expect(desk.page.locator("#several-tally")).to_have_text("2 read, 1 not read.")
    desk.page.locator("#several-list button").nth(1).click()
    expect(desk.page.locator("#line")).to_contain_text("has changed since it was brought")
