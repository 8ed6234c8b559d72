import { byId } from "./dom.js";
import { discard } from "./pictures.js";
import { fillStack, fillTile, tile } from "./tile.js";

/** @typedef {import("./pictures.js").Asked} Asked */

/** Each holds its picture: a hundred photos of a phone are half a gigabyte. */
const MOST = 60;

/** What was asked since the page was opened, newest first; pictures that came together are one entry. */
export class Session {
  /** @type {{batch: Asked[], element: HTMLElement}[]} */
  #entries = [];

  /** @param {(batch: Asked[]) => void} see */
  constructor(see) {
    this.see = see;
  }

  /** @param {Asked[]} batch one picture or several; what is kept already is shown anew */
  keep(batch) {
    const known = this.#entries.find((entry) => entry.batch === batch);
    const element = known?.element ?? tile(() => this.see(batch));
    if (batch.length > 1) fillStack(element, batch);
    else fillTile(element, batch[0]);
    if (known) return;
    this.#entries.unshift({ batch, element });
    byId("session-list", HTMLElement).prepend(element);
    byId("session", HTMLElement).hidden = false;
    for (const old of this.#entries.splice(MOST)) {
      old.element.remove();
      old.batch.forEach(discard);
    }
  }
}
