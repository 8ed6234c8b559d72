import { copyOf, within } from "./dom.js";
import { depict } from "./pictures.js";
import { headline, sentence, surety } from "./words.js";

/** @typedef {import("./pictures.js").Asked} Asked */

/**
 * One picture with its answer, small, to be clicked.
 *
 * @param {() => void} see
 */
export function tile(see) {
  const element = copyOf("tile-template");
  within(element, "button", HTMLButtonElement).addEventListener("click", see);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Asked} one
 */
export function fillTile(element, one) {
  const { answer, card, failure, picture } = one;
  element.dataset.status = answer?.status ?? "none";
  element.classList.toggle("is-drawn", one.strokes !== null);
  void depict(within(element, "img", HTMLImageElement), one);
  write(element, "name", picture.name);
  write(element, "word", answer ? headline(answer) : failure ? "no answer" : "…");
  write(element, "line", answer ? `${sentence(answer, card)} ${surety(answer)}` : failure);
}

/**
 * Several pictures behind one tile.
 *
 * @param {HTMLElement} element
 * @param {Asked[]} batch
 */
export function fillStack(element, batch) {
  element.dataset.status = "several";
  void depict(within(element, "img", HTMLImageElement), batch[0]);
  write(element, "name", batch[0].picture.name);
  write(element, "word", `${batch.length} pictures`);
}

/**
 * @param {HTMLElement} element
 * @param {string} part
 * @param {string} text
 */
function write(element, part, text) {
  within(element, `.tile__${part}`, HTMLElement).textContent = text.trim();
}
