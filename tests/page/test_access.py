"""Without a mouse, and without eyes: names, roles, order, and what is said aloud."""

import re

import pytest
from playwright.sync_api import expect
from visiting import SEVEN, Visit

from serving.settings import DEFAULT_MODEL

pytestmark = pytest.mark.browser


def test_landmarks_and_headings_tell_what_is_where(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    for role in ("banner", "main", "contentinfo"):
        expect(desk.page.get_by_role(role)).to_have_count(1)
    for name in ("Your picture", "Answer", "Side by side", "This session"):
        expect(desk.page.get_by_role("region", name=name)).to_have_count(1)
        expect(desk.page.get_by_role("heading", name=name, level=2)).to_have_count(1)
    expect(desk.page.get_by_role("heading", level=1)).to_have_text("digits")
    expect(desk.page.get_by_role("heading", level=4)).to_have_count(desk.page.locator(".card").count())
    assert desk.page.locator("html").get_attribute("lang") == "en"


def test_the_bars_are_a_table_with_a_name_and_numbers(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.word).to_have_text("7")
    table = desk.page.get_by_role("table", name="How probable it finds each")
    assert table.get_by_role("columnheader").all_text_contents() == ["Class", "Probability"]
    assert table.get_by_role("rowheader").all_inner_texts() == list("0123456789")
    assert all("%" in cell for cell in table.get_by_role("cell").all_inner_texts())


def test_the_answer_is_said_aloud_once_the_stroke_is_complete(desk: Visit) -> None:
    said = desk.page.get_by_role("status")
    assert said.evaluate("element => getComputedStyle(element).display") != "none"
    desk.draw(SEVEN)
    expect(said).to_contain_text("This is a 7.")
    expect(said).to_contain_text("sure")
    desk.page.get_by_role("button", name="Clear").click()
    expect(said).to_have_text("The paper is clear.")
    desk.page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("Column")
    desk.page.keyboard.press("Space")
    expect(said).to_have_text("Pen down.")


def test_the_paper_says_how_it_is_drawn_on(desk: Visit) -> None:
    paper = desk.page.get_by_role("application", name="Paper to draw on")
    expect(paper).to_have_accessible_description(re.compile("the arrow keys move the pen and Space puts it down"))
    desk.draw(SEVEN)
    expect(paper).to_be_focused()


def test_trouble_is_said_aloud(desk: Visit) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/predict?*", lambda route: route.abort())
    desk.draw(SEVEN)
    expect(desk.page.get_by_role("alert")).to_contain_text("The service cannot be reached.")


def test_whatever_can_be_used_has_a_name(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    session = desk.page.context.new_cdp_session(desk.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    usable = {"button", "checkbox", "radio", "combobox", "slider", "link", "application", "table", "region", "image"}
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in usable
    ]
    assert {role for role, _ in named} >= {
        "button",
        "radio",
        "combobox",
        "slider",
        "application",
        "table",
        "region",
        "image",
    }
    assert [role for role, name in named if not name.strip()] == []


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    desk.page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")  # as on arrival
    describe = """() => {
        const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
        const drawn = [one, one.nextElementSibling].some((each) => each && getComputedStyle(each).outlineStyle !== "none")
            || getComputedStyle(one, "::after").outlineStyle !== "none";
        return { name: one.id || one.value || one.textContent.trim(), drawn, hidden: !one.checkVisibility() };
    }"""
    order = []
    for _ in range(60):
        desk.page.keyboard.press("Tab")
        focus = desk.page.evaluate(describe)
        if desk.page.evaluate("() => document.activeElement === document.body"):
            break
        order.append(focus)
    names = [focus["name"] for focus in order]
    assert names[:7] == ["auto", "paper", "undo", "clear", "pen", "choose", "photo"]
    assert names[7] == "network"
    networks = desk.page.locator(".card button").all_inner_texts()
    assert [name for name in names if name in networks] == networks
    assert names[-1] == "The networks\u2019 cards"
    assert len(set(names)) == len(names), "nothing traps the keyboard"
    assert [focus["name"] for focus in order if not focus["drawn"] or focus["hidden"]] == []


def test_everything_works_without_a_mouse(desk: Visit) -> None:
    keys = desk.page.keyboard
    keys.press("Tab")  # the switch
    keys.press("Tab")
    expect(desk.page.locator("#paper")).to_be_focused()
    expect(desk.page.get_by_text("Arrow keys move, Space draws")).to_be_visible()
    keys.press("Space")
    for _ in range(4):
        keys.press("Shift+ArrowRight")
    for _ in range(6):
        for arrow in ("ArrowDown", "ArrowDown", "ArrowLeft"):
            keys.press(arrow)
    for _ in range(4):
        keys.press("ArrowDown")
    keys.press("Space")
    expect(desk.word).to_have_text("7")
    expect(desk.page.locator("#networks-line")).to_contain_text("say 7")
    desk.page.get_by_role("combobox").focus()
    keys.press("ArrowUp")
    expect(desk.page.get_by_role("combobox")).not_to_have_value(DEFAULT_MODEL)
    desk.page.get_by_role("button", name=DEFAULT_MODEL, exact=True).focus()
    keys.press("Enter")
    expect(desk.page.get_by_role("combobox")).to_have_value(DEFAULT_MODEL)
    expect(desk.word).to_have_text("7")
    desk.page.get_by_text("By keyboard").focus()
    keys.press("Enter")
    expect(desk.page.get_by_text("paste a picture, anywhere")).to_be_visible()
    desk.page.locator("#paper").focus()
    keys.press("Delete")
    expect(desk.word).to_be_empty()
    desk.page.locator("#session-list button").first.focus()
    keys.press("Enter")
    expect(desk.word).to_have_text("7")


def test_targets_are_large_enough_for_a_finger(desk: Visit) -> None:
    small = desk.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, summary")].filter((one) => one.checkVisibility())
            .map((one) => ({ name: one.id || one.textContent, whole: one.closest(".card, label") ?? one }))
            .map(({ name, whole }) => ({ name, box: whole.getBoundingClientRect() }))
            .filter(({ box }) => Math.min(box.width, box.height) < 24).map(({ name }) => name)"""
    )
    assert small == [], "WCAG 2.2, 2.5.8: 24 by 24 pixels"
