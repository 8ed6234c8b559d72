import { byId, within } from "./dom.js";
import { spoken } from "./words.js";

/** @typedef {import("./answer.js").Card} Card */

/** The switch between the service's answer and the same network's in this browser; hidden where only the service has one. */
export class Where {
  #root = byId("where", HTMLElement);
  #line = byId("where-line", HTMLElement);
  /** @type {Card | null} the network that can answer here */
  #here = null;

  /** @param {(isHere: boolean) => void} choose */
  constructor(choose) {
    this.#root.addEventListener("change", ({ target }) => target instanceof HTMLInputElement && choose(target.value === "here"));
  }

  /** @param {Card | null} here */
  open(here) {
    this.#here = here;
  }

  /** @param {Card} card */
  set chosen({ name, isHere = false }) {
    this.#root.hidden = name !== this.#here?.name;
    for (const value of ["service", "here"]) {
      within(this.#root, `input[value="${value}"]`, HTMLInputElement).checked = isHere === (value === "here");
    }
    this.#line.hidden = !isHere;
    this.#line.textContent = `Pictures stay in this browser until you send them. What it takes to run ${spoken(name)} here is fetched once, some 4 MB.`;
  }
}
