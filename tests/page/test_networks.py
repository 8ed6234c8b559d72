"""Side by side: every network of the catalogue on the same picture."""

import json
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, expect
from visiting import SEVEN, Visit

from serving.settings import DEFAULT_MODEL

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def cards(url: str) -> list[dict[str, Any]]:
    return sorted(httpx.get(url + "/models").json()["models"], key=lambda card: (card["lab"] == "none", card["lab"]))


def card_of(visit: Visit, name: str) -> Locator:
    button = visit.page.get_by_role("button", name=name.replace("_", " "), exact=True)
    return visit.page.locator(".card").filter(has=button)


def test_every_network_is_there_with_its_lab_its_size_and_its_accuracy(desk: Visit, cards: list[dict[str, Any]]) -> None:
    expect(desk.page.locator(".card")).to_have_count(len(cards))
    assert len(cards) >= 16
    for place, dataset in enumerate(("MNIST", "FashionMNIST")):
        labs = [card["lab"] for card in cards if card["dataset"]["name"] == dataset]
        shown = desk.page.locator(".group").nth(place).locator(".card__lab").all_inner_texts()
        assert shown == ["ours" if lab == "none" else f"Lab {lab}" for lab in labs]
    for card in cards:
        told = card_of(desk, card["name"]).locator("dl").inner_text()
        assert f"{card['parameters']:,}" in told
        assert f"{100 * card['test']['accuracy']:.1f}\u202f%" in told


def test_every_digit_network_answers_and_no_other(desk: Visit, cards: list[dict[str, Any]]) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    for card in cards:
        word = card_of(desk, card["name"]).locator(".card__word")
        if card["dataset"]["name"] == "MNIST":
            expect(word).not_to_be_empty()
        else:
            expect(word).to_be_empty()
            expect(card_of(desk, card["name"])).to_contain_text("not asked")
    for name in ("convnet", "convnet_batchnorm", DEFAULT_MODEL):
        expect(card_of(desk, name).locator(".card__word")).to_have_text("7")


def test_a_card_says_what_the_service_says(desk: Visit) -> None:
    with desk.page.expect_response("**/predict?model=single_neuron*") as answered:
        desk.draw(SEVEN)
    told = answered.value.json()["predictions"][0]
    neuron = card_of(desk, "single_neuron")
    expect(neuron.locator(".card__word")).to_have_text(told["name"])
    expect(neuron.locator(".card__sure")).to_have_text(f"{100 * told['confidence']:.1f}\u202f%")
    expect(neuron.locator(".card__differs")).to_be_visible(visible=told["digit"] != 7)
    shares = neuron.locator(".spark i").evaluate_all(
        "bars => bars.map(bar => Number(bar.style.getPropertyValue('--share')))"
    )
    assert shares == told["probabilities"]


def test_a_network_that_is_pressed_answers_in_the_large_letters_without_being_asked_again(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    neuron, said = card_of(desk, "single_neuron"), desk.page.locator("#networks-line").inner_text()
    word, asked = neuron.locator(".card__word").inner_text(), len(desk.addresses)
    neuron.get_by_role("button").click()
    expect(desk.word).to_have_text(word)
    expect(desk.page.get_by_role("combobox", name="Network that answers")).to_have_value("single_neuron")
    expect(desk.page.locator("#note")).to_contain_text("added up to one number")
    expect(neuron.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(card_of(desk, DEFAULT_MODEL).get_by_role("button")).to_have_attribute("aria-pressed", "false")
    expect(desk.page.locator("#networks-line")).to_have_text(said)
    assert not [address for address in desk.addresses[asked:] if "/predict" in address]


def test_the_networks_for_clothes_are_asked_on_request(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    desk.page.get_by_role("checkbox", name="Show them the same picture").check()
    expect(desk.page.locator(".card").filter(has_text="not asked")).to_have_count(0)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")  # clothes are not counted with digits
    clothes = httpx.get(desk.url + "/models/fashion_tanh").json()["classes"]
    assert card_of(desk, "fashion_tanh").locator(".card__word").inner_text() in clothes
    desk.page.get_by_role("button", name="Clear").click()
    desk.page.get_by_role("checkbox").uncheck()
    desk.page.get_by_role("checkbox").check()
    expect(desk.page.locator(".card[data-status=digit]")).to_have_count(0)  # an empty paper is shown to nobody


def test_a_network_for_clothes_names_clothes(desk: Visit) -> None:
    desk.page.get_by_role("combobox").select_option("fashion_tanh")
    trousers = [[(0.42, 0.15), (0.38, 0.85)], [(0.58, 0.15), (0.62, 0.85)], [(0.42, 0.15), (0.58, 0.15)]]
    desk.page.get_by_role("slider", name="Pen").fill("40")
    desk.draw(trousers)
    expect(desk.word).to_have_text("Trouser")
    expect(desk.page.locator("#line")).to_have_text("This looks like: Trouser.")
    expect(desk.page.get_by_role("row", name="Ankle boot")).to_be_visible()
    expect(card_of(desk, "convnet")).to_contain_text("not asked")


def test_a_new_stroke_stops_what_is_under_way(desk: Visit) -> None:
    desk.hold("**/predict?model=single_neuron*")
    with desk.page.expect_request("**/predict?model=single_neuron*") as asked:
        desk.draw([SEVEN[0][:2]])
    with desk.page.expect_event("requestfailed", lambda request: request == asked.value):
        desk.draw([SEVEN[0][1:]])
    desk.page.get_by_role("button", name="Clear").click()
    desk.page.unroute("**/predict?model=single_neuron*")
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")


def test_a_few_are_asked_at_a_time(desk: Visit) -> None:
    open_now: list[str] = []
    most: list[int] = []

    def begin(request: Any) -> None:
        if "/predict" in request.url:
            open_now.append(request.url)
            most.append(len(open_now))

    def end(request: Any) -> None:
        if request.url in open_now:
            open_now.remove(request.url)

    desk.page.on("request", begin)
    desk.page.on("requestfinished", end)
    desk.page.on("requestfailed", end)
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    assert len(most) >= 12
    assert max(most) <= 5, "four networks, and the answer to a drawing"


def test_one_that_does_not_answer_is_told_and_asked_again(desk: Visit) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/predict?model=lab_cnn*", lambda route: route.abort())
    desk.draw(SEVEN)
    line = desk.page.locator("#networks-line")
    expect(line).to_contain_text("1 did not answer")
    expect(card_of(desk, "lab_cnn")).to_contain_text("no answer")
    desk.page.unroute("**/predict?model=lab_cnn*")
    desk.page.locator("#networks").get_by_role("button", name="Try again").click()
    expect(card_of(desk, "lab_cnn").locator(".card__word")).to_have_text("7")
    expect(line).not_to_contain_text("did not answer")


def test_a_model_that_is_refused_is_named(visit: Any, url: str) -> None:
    known = httpx.get(url + "/models").json() | {"refused": {"broken_net": "its file is not the proved one"}}
    one = visit(before=lambda page: page.route("**/models", lambda route: route.fulfill(body=json.dumps(known))))
    expect(one.page.locator("#refused")).to_contain_text("broken net")


def test_every_note_is_about_a_network_that_exists(desk: Visit, cards: list[dict[str, Any]]) -> None:
    notes = desk.page.evaluate("async () => Object.keys((await import('/page/notes.js')).NOTES)")
    assert set(notes) == {card["name"] for card in cards}
