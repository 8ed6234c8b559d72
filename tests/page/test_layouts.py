"""How it looks: narrow and wide, light and dark, and whether everything on it can be read."""

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import expect
from visiting import SEVEN, Visit

from serving.card import read_card
from serving.http.page import FOLDER
from serving.settings import DEFAULT_MODEL, find_models

STYLES = (FOLDER / "page.css").read_text()
COLOURS = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLES)}
TEXT, GRAPHICS = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11, level AA."""
SURFACES = ("ground", "sheet")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *((front, back, TEXT) for front, back in product(("text", "quiet", "accent", "doubt", "no"), SURFACES)),
        ("accent", "tint", TEXT),
        ("doubt", "doubt-tint", TEXT),
        ("text", "doubt-tint", TEXT),
        ("quiet", "doubt-tint", TEXT),
        ("text", "no-tint", TEXT),
        ("on-accent", "accent", TEXT),
        ("ground", "doubt", TEXT),
        *((front, back, GRAPHICS) for front, back in product(("bar", "accent", "strong-edge"), SURFACES)),
        ("ink", "sheet", TEXT),
    ],
)
def test_the_palette_is_legible(front: str, back: str, least: float, scheme: int) -> None:
    assert contrast(COLOURS[front][scheme], COLOURS[back][scheme]) >= least


ILLEGIBLE = """() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const colour = channels(getComputedStyle(one).backgroundColor);
            if (colour[3] === undefined || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    let looked = 0;
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest(":disabled, .unseen, option, noscript")) continue;
        looked += 1;
        const style = getComputedStyle(element), size = parseFloat(style.fontSize);
        const pair = [luminance(channels(style.color)), luminance(behind(element))].sort((one, other) => other - one);
        const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
        const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (ratio < least) found.push(`${element.className || element.tagName} "${element.textContent.trim()}" ${ratio}`);
    }
    return { found, looked };
}"""

NARROW = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
PROJECTOR = {"viewport": {"width": 1920, "height": 1080}}


def everything(one: Visit, digits: list[bytes]) -> None:
    """Bring the page to show all that it can show: an answer, a list with a refusal, the networks, the session."""
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    one.draw(SEVEN)
    expect(one.page.locator("#networks-line")).to_contain_text("say 7")
    long = "a picture with quite a long name that someone gave it, " * 2
    files: list[Any] = [
        {"name": f"{long}.png", "mimeType": "image/png", "buffer": digits[2]},
        {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear Sir"},
    ]
    one.page.locator("#files").set_input_files(files)
    expect(one.page.locator("#several-tally")).to_have_text("1 read, 1 not read.")
    expect(one.page.locator("#networks-line")).to_contain_text("say 2")
    one.page.locator("summary").click()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, PROJECTOR], ids=["narrow", "projector"])
def test_everything_fits_and_can_be_read(
    visit: Callable[..., Visit], digits: list[bytes], size: dict[str, Any], scheme: str
) -> None:
    one = visit(**size, color_scheme=scheme)
    everything(one, digits)
    assert one.page.evaluate("() => document.documentElement.scrollWidth") == size["viewport"]["width"]
    outside = one.page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.closest(".unseen"))
            .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .map((one) => one.className || one.tagName)"""
    )
    assert outside == []
    legible = one.page.evaluate(ILLEGIBLE)
    assert legible["found"] == []
    assert legible["looked"] > 100
    ground = one.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == f"rgb{tuple(bytes.fromhex(COLOURS['ground'][scheme == 'dark'][1:]))}"


@pytest.mark.browser
def test_on_a_phone_the_answer_is_seen_without_scrolling(visit: Callable[..., Visit]) -> None:
    phone = visit(**NARROW)
    expect(phone.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    phone.draw(SEVEN)
    expect(phone.word).to_have_text("7")
    expect(phone.word).to_be_in_viewport(ratio=1)
    expect(phone.page.locator("#line")).to_be_in_viewport(ratio=1)
    assert phone.page.evaluate("() => scrollY") == 0


@pytest.mark.browser
def test_on_a_projector_paper_answer_and_networks_are_seen_at_once_and_large(visit: Callable[..., Visit]) -> None:
    one = visit(**PROJECTOR)
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    one.draw(SEVEN)
    expect(one.page.locator("#networks-line")).to_contain_text("say 7")
    for selector in ("#paper", "#word", "#bars", "#seen"):
        expect(one.page.locator(selector)).to_be_in_viewport(ratio=1)
    cards = one.page.locator(".group").first.locator(".card")
    count = sum(card.dataset["name"] == "MNIST" for card in map(read_card, find_models().glob("*/card.json")))
    expect(cards).to_have_count(count)
    for place in range(count):
        expect(cards.nth(place)).to_be_in_viewport()
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    assert one.word.evaluate(size) >= 200
    assert one.page.locator("#line").evaluate(size) >= 32
    assert one.page.locator("body").evaluate(size) >= 20


@pytest.mark.browser
def test_the_switch_overrides_the_systems_colours_and_is_remembered(visit: Callable[..., Visit]) -> None:
    one = visit(color_scheme="dark")
    scheme = "() => getComputedStyle(document.body).backgroundColor"
    dark = one.page.evaluate(scheme)
    one.page.get_by_role("radio", name="Light").check()
    light = one.page.evaluate(scheme)
    assert light != dark
    one.page.reload()
    assert one.page.evaluate(scheme) == light
    expect(one.page.get_by_role("radio", name="Light")).to_be_checked()
    one.page.get_by_role("radio", name="Auto").check()
    assert one.page.evaluate(scheme) == dark


@pytest.mark.browser
def test_who_wants_no_motion_gets_none(visit: Callable[..., Visit]) -> None:
    moving = """() => [document.documentElement, ...document.querySelectorAll("*")].filter((one) => {
        const style = getComputedStyle(one);
        return style.transitionDuration !== "0s" || style.animationName !== "none" || style.scrollBehavior !== "auto";
    }).length"""
    still = visit()
    expect(still.page.locator(".card")).not_to_have_count(0)
    assert still.page.evaluate(moving) == 0
    lively = visit(reduced_motion="no-preference")
    expect(lively.page.locator(".card")).not_to_have_count(0)
    assert lively.page.evaluate(moving) > 0
