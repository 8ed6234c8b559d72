import { copyOf, fillBar, within } from "./dom.js";
import { NOTES } from "./notes.js";
import { headline, isOfDigits, percent, spoken, whole } from "./words.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Card} Card */

/**
 * One network among the others: who it is, and what it says.
 *
 * @param {Card} card
 * @param {() => void} choose
 */
export function makeCard(card, choose) {
  const element = copyOf("card-template");
  const button = within(element, "button", HTMLButtonElement);
  button.textContent = spoken(card.name);
  button.addEventListener("click", choose);
  within(element, ".card__lab", HTMLElement).textContent = card.lab === "none" ? "ours" : `Lab ${card.lab}`;
  const [parameters, test] = element.querySelectorAll("dd");
  parameters.textContent = whole(card.parameters);
  test.textContent = percent(card.test.accuracy);
  within(element, ".card__note", HTMLElement).textContent = NOTES[card.name] ?? "";
  for (const name of card.classes) {
    const bar = document.createElement("i");
    if (isOfDigits(card)) bar.dataset.name = name;
    within(element, ".spark", HTMLElement).append(bar);
  }
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Answer} answer
 * @param {boolean} differs from the chosen network's answer
 */
export function fillCard(element, answer, differs) {
  const sure = answer.confidence === null ? "" : percent(answer.confidence);
  write(element, { status: answer.status, word: headline(answer), sure, probabilities: answer.probabilities, differs });
}

/**
 * @param {HTMLElement} element
 * @param {string} status
 * @param {string} why
 */
export function emptyCard(element, status, why) {
  write(element, { status, word: "", sure: why, probabilities: null, differs: false });
}

/**
 * @param {HTMLElement} element
 * @param {{status: string, word: string, sure: string, probabilities: number[] | null, differs: boolean}} told
 */
function write(element, { status, word, sure, probabilities, differs }) {
  element.dataset.status = status;
  element.classList.remove("is-old");
  element.classList.toggle("is-long", word.length > 2);
  element.classList.toggle("is-other", differs);
  within(element, ".card__differs", HTMLElement).hidden = !differs;
  within(element, ".card__word", HTMLElement).textContent = word;
  within(element, ".card__sure", HTMLElement).textContent = sure;
  const most = probabilities ? Math.max(...probabilities) : NaN;
  for (const [place, bar] of [...element.querySelectorAll("i")].entries()) {
    const value = probabilities?.[place] ?? 0;
    bar.classList.toggle("is-most", value === most);
    fillBar(bar, value);
  }
}
