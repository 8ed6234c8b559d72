"""When the service is away, busy, or takes a key."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from visiting import SEVEN, Visit

from serving.settings import DEFAULT_MODEL

pytestmark = pytest.mark.browser


def error(route: Route, status: int, message: str, **headers: str) -> None:
    route.fulfill(status=status, headers=headers, json={"error": {"code": "any", "message": message}})


def test_a_service_that_is_away_is_told_and_asked_again(desk: Visit, digits: list[bytes]) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/predict?*", lambda route: route.abort("connectionrefused"))
    desk.page.locator("#files").set_input_files([{"name": "7.png", "mimeType": "image/png", "buffer": digits[7]}])
    problem = desk.page.locator("#problem")
    expect(problem).to_contain_text("The service cannot be reached.")
    expect(desk.word).to_be_empty()
    desk.page.unroute("**/predict?*")
    problem.get_by_role("button", name="Try again").click()
    expect(desk.word).to_have_text("7")
    expect(desk.page.locator("#problem")).to_be_hidden()


def test_a_service_that_comes_back_answers_the_next_stroke(desk: Visit) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/predict?*", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    desk.draw([[(0.3, 0.22), (0.72, 0.22)]])
    expect(desk.page.locator("#problem")).to_contain_text("The service cannot be reached.")
    desk.page.unroute("**/predict?*")
    desk.draw([[(0.72, 0.22), (0.45, 0.8)]])
    expect(desk.word).to_have_text("7")


def test_a_busy_service_is_asked_again_by_itself(desk: Visit) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/predict?*", lambda route: error(route, 503, "Too much is waiting.", **{"retry-after": "1"}))
    desk.draw(SEVEN)
    expect(desk.page.locator("#problem")).to_contain_text("The service is busy. It is asked again in 1 s.")
    desk.page.unroute("**/predict?*")
    expect(desk.word).to_have_text("7")  # nobody pressed anything


def test_a_list_waits_for_a_busy_service(desk: Visit, digits: list[bytes]) -> None:
    desk.failures_are_expected = True
    refused: set[str] = set()

    def busy_first(route: Route) -> None:
        if len(refused) < 1 and route.request.post_data_buffer.count(b"filename=") > 1:
            refused.add(route.request.url)
            error(route, 429, "Too much is waiting here.", **{"retry-after": "1"})
        else:
            route.continue_()

    desk.page.route("**/predict?*", busy_first)
    files: list[Any] = [{"name": f"{digit}.png", "mimeType": "image/png", "buffer": digits[digit]} for digit in (1, 2)]
    desk.page.locator("#files").set_input_files(files)
    expect(desk.page.locator("#several-tally")).to_have_text("2 read.")
    assert refused


def test_a_list_without_answers_can_be_asked_again(desk: Visit, digits: list[bytes]) -> None:
    desk.failures_are_expected = True
    desk.page.route("**/predict?*", lambda route: route.abort())
    files: list[Any] = [{"name": f"{digit}.png", "mimeType": "image/png", "buffer": digits[digit]} for digit in (1, 2)]
    desk.page.locator("#files").set_input_files(files)
    listed = desk.page.locator("#several")
    expect(listed.locator(".tile__word").first).to_have_text("no answer")
    desk.page.unroute("**/predict?*")
    listed.get_by_role("button", name="Try again").click()
    expect(desk.page.locator("#several-tally")).to_have_text("2 read.")
    expect(listed.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_page_that_came_before_its_service_starts_when_asked_again(visit: Callable[..., Visit]) -> None:
    def away(page: Page) -> None:
        page.route("**/models", lambda route: route.abort())

    one = visit(before=away)
    one.failures_are_expected = True
    one.complaints.clear()
    expect(one.page.locator("#problem")).to_contain_text("The service cannot be reached.")
    one.draw(SEVEN)
    one.page.unroute("**/models")
    one.page.locator("#problem").get_by_role("button", name="Try again").click()
    expect(one.word).to_have_text("7")


def test_pictures_that_came_before_the_networks_were_known_are_answered_then(
    visit: Callable[..., Visit], digits: list[bytes]
) -> None:
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    one = visit(before=lambda page: page.route("**/models", keep))
    files: list[Any] = [{"name": f"{digit}.png", "mimeType": "image/png", "buffer": digits[digit]} for digit in (1, 2)]
    one.page.locator("#files").set_input_files(files)
    expect(one.page.locator("#several-tally")).to_have_text("2 waiting.")
    held[0].continue_()
    expect(one.page.locator("#several-tally")).to_have_text("2 read.")
    expect(one.word).to_have_text("1")


def test_a_service_that_takes_a_key_is_given_one(visit: Callable[..., Visit]) -> None:
    def locked(page: Page) -> None:
        for path in ("**/models", "**/predict?*"):
            page.route(
                path,
                lambda route: (
                    route.continue_() if route.request.headers.get("x-api-key") == "sesame" else error(route, 401, "A key.")
                ),
            )

    one = visit(before=locked)
    one.failures_are_expected = True
    one.complaints.clear()
    one.page.get_by_label("Key", exact=True).fill("sesame")
    one.page.keyboard.press("Enter")
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    one.draw(SEVEN)
    expect(one.word).to_have_text("7")
