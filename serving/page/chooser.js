import { byId } from "./dom.js";
import { spoken } from "./words.js";

/** @typedef {import("./answer.js").Card} Card */

/** Which network answers in the large letters. */
export class Chooser {
  #select = byId("network", HTMLSelectElement);

  /** @param {(name: string) => void} choose */
  constructor(choose) {
    this.#select.addEventListener("change", () => choose(this.#select.value));
  }

  /** @param {Card[]} cards */
  open(cards) {
    const groups = new Map(cards.map(({ dataset }) => [dataset.name, document.createElement("optgroup")]));
    for (const [dataset, group] of groups) group.label = dataset;
    for (const { name, dataset } of cards) groups.get(dataset.name)?.append(new Option(spoken(name), name));
    this.#select.replaceChildren(...groups.values());
  }

  /** @param {Card} card */
  set chosen(card) {
    this.#select.value = card.name;
  }
}
