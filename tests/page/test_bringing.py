"""Pictures that are brought: dropped, pasted, chosen, photographed, one or many, good or not."""

import base64
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from visiting import SEVEN, THREE, Visit

from serving.settings import DEFAULT_MODEL

pytestmark = pytest.mark.browser

TRANSFER = """(files) => {
    const transfer = new DataTransfer();
    for (const { name, type, data } of files) {
        transfer.items.add(new File([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], name, { type }));
    }
    return transfer;
}"""


def described(contents: dict[str, bytes]) -> list[dict[str, str]]:
    return [
        {"name": name, "type": "image/png" if name.endswith(".png") else "", "data": base64.b64encode(data).decode()}
        for name, data in contents.items()
    ]


def drop(visit: Visit, contents: dict[str, bytes]) -> None:
    transfer = visit.page.evaluate_handle(TRANSFER, described(contents))
    for kind in ("dragenter", "dragover", "drop"):
        visit.page.locator("body").dispatch_event(kind, {"dataTransfer": transfer})


def choose(visit: Visit, contents: dict[str, bytes]) -> None:
    with visit.page.expect_file_chooser() as chosen:
        visit.page.get_by_role("button", name="Choose pictures").click()
    chosen.value.set_files([{"name": name, "mimeType": "", "buffer": data} for name, data in contents.items()])


def tiles(visit: Visit) -> Locator:
    return visit.page.locator("#several-list .tile")


@pytest.fixture
def ten(digits: list[bytes]) -> dict[str, bytes]:
    return {f"{digit}.png": data for digit, data in enumerate(digits)}


def test_ten_files_that_are_dropped_are_answered_in_a_list(desk: Visit, ten: dict[str, bytes]) -> None:
    drop(desk, ten)
    expect(desk.page.get_by_role("heading", name="10 pictures")).to_be_visible()
    expect(desk.page.locator("#several-tally")).to_have_text("10 read.")
    assert tiles(desk).locator(".tile__word").all_inner_texts() == list("0123456789")
    assert tiles(desk).locator(".tile__name").all_inner_texts() == list(ten)
    expect(desk.word).to_have_text("0")
    tiles(desk).nth(4).get_by_role("button").click()
    expect(desk.word).to_have_text("4")
    expect(tiles(desk).nth(4).get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(desk.page.locator("#networks-line")).to_contain_text("say 4")


def test_refused_files_among_good_ones_cost_only_themselves(
    desk: Visit, ten: dict[str, bytes], broken: dict[str, bytes]
) -> None:
    mixed = {
        "3.png": ten["3.png"],
        "letter.txt": broken["not_an_image"],
        "half.png": broken["truncated"],
        "8.png": ten["8.png"],
    }
    choose(desk, mixed)
    expect(desk.page.locator("#several-tally")).to_have_text("2 read, 2 not read.")
    assert tiles(desk).locator(".tile__word").all_inner_texts() == ["3", "not read", "not read", "8"]
    expect(tiles(desk).nth(1)).to_contain_text("This one cannot be read. The file is not a picture.")
    expect(tiles(desk).nth(2)).to_contain_text("The picture ends before it is complete.")
    # What the browser cannot show either has a picture of its own, not a broken one.
    expect(tiles(desk).nth(1).locator("img")).to_have_attribute("src", "/page/no-picture.svg")
    tiles(desk).nth(1).get_by_role("button").click()
    expect(desk.word).to_have_text("not read")
    expect(desk.page.locator("#line")).to_have_text("This one cannot be read. The file is not a picture.")


def test_more_files_than_one_request_takes_are_asked_about_in_portions(desk: Visit, ten: dict[str, bytes]) -> None:
    many = {f"{turn}-{name}": data for turn in range(4) for name, data in ten.items()}
    with desk.page.expect_request("**/predict?*"):
        drop(desk, many)
    expect(desk.page.locator("#several-tally")).to_have_text("40 read.")
    assert tiles(desk).locator(".tile__word").all_inner_texts() == list("0123456789") * 4


def test_what_is_too_much_for_one_request_is_asked_about_in_halves(desk: Visit, ten: dict[str, bytes]) -> None:
    desk.failures_are_expected = True

    def refuse_many(route: Any) -> None:
        if route.request.post_data_buffer.count(b"filename=") > 3:
            told = {"error": {"code": "too_many_pixels", "message": "Too many pixels."}}
            route.fulfill(status=413, json=told)
        else:
            route.continue_()

    desk.page.route("**/predict?*", refuse_many)
    drop(desk, ten)
    expect(desk.page.locator("#several-tally")).to_have_text("10 read.")
    assert tiles(desk).locator(".tile__word").all_inner_texts() == list("0123456789")


def test_one_file_takes_the_papers_place_until_somebody_draws(desk: Visit, ten: dict[str, bytes]) -> None:
    choose(desk, {"2.png": ten["2.png"]})
    expect(desk.word).to_have_text("2")
    shown = desk.page.get_by_alt_text("2.png", exact=True)
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 28
    desk.draw(SEVEN)
    expect(shown).to_be_hidden()
    expect(desk.word).to_have_text("7")


def test_a_refused_file_alone_is_told_kindly(desk: Visit, broken: dict[str, bytes]) -> None:
    desk.failures_are_expected = True  # 422
    drop(desk, {"letter.txt": broken["not_an_image"]})
    expect(desk.word).to_have_text("not read")
    expect(desk.page.locator("#line")).to_have_text("This one cannot be read. The file is not a picture.")
    expect(desk.page.locator("#problem")).to_be_hidden()
    expect(desk.page.locator(".card[data-status=digit]")).to_have_count(0)


def test_a_picture_is_pasted(desk: Visit, ten: dict[str, bytes]) -> None:
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.page.evaluate(
        """async (data) => {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
            await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
        }""",
        base64.b64encode(ten["5.png"]).decode(),
    )
    desk.page.locator("#paper").focus()
    desk.page.keyboard.press("Control+v")
    expect(desk.word).to_have_text("5")


def test_what_is_no_file_is_told_and_changes_nothing(desk: Visit) -> None:
    desk.draw(SEVEN)
    expect(desk.word).to_have_text("7")
    drop(desk, {})
    expect(desk.page.locator("#problem")).to_contain_text("That was no file.")
    expect(desk.word).to_have_text("7")


def test_the_page_shows_that_it_takes_what_is_dragged(desk: Visit, ten: dict[str, bytes]) -> None:
    transfer = desk.page.evaluate_handle(TRANSFER, described(ten))
    expect(desk.page.get_by_text("Drop it anywhere")).to_be_hidden()
    desk.page.locator("body").dispatch_event("dragover", {"dataTransfer": transfer})
    expect(desk.page.get_by_text("Drop it anywhere")).to_be_visible()
    desk.page.locator("body").dispatch_event("dragleave", {"dataTransfer": transfer})
    expect(desk.page.get_by_text("Drop it anywhere")).to_be_hidden()


def test_a_photo_is_taken_with_the_computers_camera(desk: Visit) -> None:
    desk.page.get_by_role("button", name="Take a photo").click()
    camera = desk.page.get_by_role("dialog", name="Take a photo")
    camera.get_by_role("button", name="Take it").click()
    expect(camera).to_be_hidden()
    expect(desk.page.get_by_alt_text("photo.jpg")).to_be_visible()
    expect(desk.word).to_have_text("no digit")  # the browser's test picture
    assert desk.page.locator("#camera-video").evaluate("video => video.srcObject") is None


def test_a_phone_is_asked_for_a_photo_by_its_own_camera(visit: Any, ten: dict[str, bytes]) -> None:
    phone = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(phone.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    with phone.page.expect_file_chooser() as chosen:
        phone.page.get_by_role("button", name="Take a photo").tap()
    assert chosen.value.element.get_attribute("capture") == "environment"
    chosen.value.set_files([{"name": "6.png", "mimeType": "image/png", "buffer": ten["6.png"]}])
    expect(phone.word).to_have_text("6")


def test_the_session_keeps_what_was_asked_and_shows_it_again(desk: Visit, ten: dict[str, bytes]) -> None:
    kept = desk.page.locator("#session-list .tile")
    desk.draw(SEVEN)
    expect(kept).to_have_count(1)
    desk.page.get_by_role("button", name="Clear").click()
    desk.draw(THREE)
    expect(kept).to_have_count(2)
    drop(desk, ten)
    expect(kept).to_have_count(3)
    expect(desk.page.locator("#several-tally")).to_have_text("10 read.")
    assert kept.locator(".tile__word").all_inner_texts() == ["10 pictures", "3", "7"]
    desk.page.get_by_role("button", name="Close the list").click()
    kept.nth(2).get_by_role("button").click()
    expect(desk.word).to_have_text("7")
    expect(desk.page.locator("#paper path")).to_have_count(1)
    desk.page.get_by_role("button", name="Undo").click()
    expect(desk.page.locator("#paper path")).to_have_count(0)
    kept.nth(0).get_by_role("button").click()
    expect(tiles(desk)).to_have_count(10)
    expect(desk.word).to_have_text("0")
    desk.page.reload()
    expect(desk.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    expect(kept).to_have_count(0)  # in memory only
