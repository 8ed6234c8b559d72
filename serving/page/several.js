import { Unanswered, answers } from "./answer.js";
import { byId, say, within } from "./dom.js";
import { isWithheld, keep } from "./pictures.js";
import { fillTile, tile } from "./tile.js";
import { tally } from "./words.js";

/** @typedef {import("./answer.js").Card} Card */
/** @typedef {import("./pictures.js").Asked} Asked */

/** Files of one request: few enough that the first answers come soon. */
const MOST_FILES = 16;
const MOST_BYTES = 16 * 2 ** 20;
/** How often a busy service is asked again by itself. */
const PATIENCE = 5;

const STAYS = "It stays in this browser until you send it.";

/** Several pictures that came together: a list, each with its answer. */
export class Several {
  #root = byId("several", HTMLElement);
  #list = byId("several-list", HTMLElement);
  #again = byId("several-again", HTMLButtonElement);
  /** @type {Map<Asked, HTMLElement>} */
  #tiles = new Map();
  /** @type {Asked[]} */
  #batch = [];

  /** @param {{see: (one: Asked, batch: Asked[]) => void, again: (batch: Asked[]) => void}} told */
  constructor(told) {
    this.told = told;
    this.#again.addEventListener("click", () => told.again(this.#batch));
    byId("several-close", HTMLButtonElement).addEventListener("click", () => this.close());
  }

  /** @param {Asked[]} batch */
  open(batch) {
    this.#batch = batch;
    this.#tiles = new Map(batch.map((one) => [one, tile(() => this.told.see(one, batch))]));
    this.#list.replaceChildren(...this.#tiles.values());
    this.#fill(batch);
    this.#root.hidden = false;
  }

  close() {
    this.#root.hidden = true;
    this.#list.replaceChildren();
  }

  /** @param {Asked | null} one that is looked at; null for none */
  mark(one) {
    for (const [other, element] of this.#tiles) {
      within(element, "button", HTMLElement).setAttribute("aria-pressed", String(other === one));
    }
  }

  /**
   * Ask about those that have no answer yet, and that the network may see.
   *
   * @param {Asked[]} batch
   * @param {Card} card
   * @param {(some: Asked[]) => void} told of each portion that is through
   */
  async ask(batch, card, told) {
    const open = batch.filter(({ answer }) => !answer), waiting = open.filter((one) => !isWithheld(one, card));
    for (const one of open) if (one.failure) one.failure = isWithheld(one, card) ? STAYS : "";
    if (card.isHere) waiting.forEach(keep);
    this.#fill(open);
    for await (const some of portions(waiting, card)) {
      await fetchInto(some, card);
      this.#fill(some);
      told(some);
    }
    if (this.#batch === batch) say(`${batch.length} pictures: ${this.#tally()}.`);
  }

  /** @param {Asked[]} some */
  #fill(some) {
    for (const one of some) {
      const element = this.#tiles.get(one);
      if (element) fillTile(element, one);
    }
    byId("several-title", HTMLElement).textContent = `${this.#batch.length} pictures`;
    byId("several-tally", HTMLElement).textContent = `${this.#tally()}.`;
    this.#again.hidden = !this.#batch.some(({ failure }) => failure);
  }

  #tally() {
    return tally(this.#batch.map(({ answer }) => answer));
  }
}

/**
 * @param {Asked[]} batch
 * @param {Card} card
 */
async function* portions(batch, card) {
  /** @type {Asked[]} */
  let some = [];
  let bytes = 0;
  for (const one of batch) {
    const { size } = await one.picture.file(card.reading);
    if (some.length && (some.length === MOST_FILES || bytes + size > MOST_BYTES)) {
      yield some;
      [some, bytes] = [[], 0];
    }
    some.push(one);
    bytes += size;
  }
  if (some.length) yield some;
}

/**
 * @param {Asked[]} all
 * @param {Card} card
 */
async function fetchInto(all, card, patience = PATIENCE) {
  const some = all.filter((one) => !one.answer && !isWithheld(one, card)); // any more: meanwhile the browser may be asked
  if (!some.length) return;
  try {
    const given = await answers(some.map(({ picture }) => picture), { card, signal: new AbortController().signal });
    for (const [place, one] of some.entries()) Object.assign(one, { answer: given[place], card, failure: "" });
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    if (error.kind === "busy" && patience) {
      await pause(error.after);
      await fetchInto(some, card, patience - 1);
    } else if (error.kind === "refused" && some.length > 1 && !card.isHere) {
      const half = some.length >> 1; // it was too much for one request, of whatever it was
      await fetchInto(some.slice(0, half), card);
      await fetchInto(some.slice(half), card);
    } else for (const one of some) one.failure = error.message;
  }
}

/** @param {number} seconds */
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
