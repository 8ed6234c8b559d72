import { byId, say, within } from "./dom.js";
import { Paper } from "./paper.js";
import { depict } from "./pictures.js";

/** @typedef {import("./pictures.js").Asked} Asked */
/** @typedef {import("./strokes.js").Stroke} Stroke */

/**
 * The paper with the tools around it, and the picture that lies on it in place of a drawing.
 */
export class Desk {
  #paper = new Paper(byId("paper", SVGSVGElement), say);
  #photo = byId("paper-picture", HTMLImageElement);
  #hint = byId("paper-hint", HTMLElement);
  #undo = byId("undo", HTMLButtonElement);
  #clear = byId("clear", HTMLButtonElement);

  /**
   * drawn: there is other ink than before. lifted: a stroke is complete. cleared: there is nothing any more.
   *
   * @param {{drawn: (strokes: Stroke[]) => void, lifted: () => void, cleared: () => void}} told
   */
  constructor(told) {
    this.told = told;
    this.#paper.addEventListener("begin", () => {
      if (!this.#photo.hidden) this.clear();
    });
    this.#paper.addEventListener("change", () => {
      this.#refresh();
      if (this.#paper.isEmpty) told.cleared();
      else told.drawn(this.#paper.strokes);
    });
    this.#paper.addEventListener("lift", () => {
      if (!this.#paper.isEmpty) told.lifted();
    });
    this.#undo.addEventListener("click", () => this.#paper.undo());
    this.#clear.addEventListener("click", () => {
      this.clear();
      this.#paper.svg.focus({ preventScroll: true }); // the button is disabled now, which would lose the focus
    });
    this.#openKeys();
    const pen = byId("pen", HTMLInputElement);
    pen.addEventListener("input", () => (this.#paper.width = pen.valueAsNumber));
  }

  /** @param {string} what there is to be drawn */
  invite(what) {
    within(this.#hint, "span", HTMLElement).textContent = what;
  }

  /** @param {Asked} one what lies on the paper from now on */
  show(one) {
    this.#paper.lay(one.strokes ?? []);
    this.#photo.hidden = one.strokes !== null;
    if (!one.strokes) {
      this.#photo.alt = one.picture.name;
      void depict(this.#photo, one);
    }
    this.#refresh();
  }

  clear() {
    this.#paper.lay([]);
    this.#photo.hidden = true;
    this.#refresh();
    this.told.cleared();
    say("The paper is clear.");
  }

  #openKeys() {
    this.#paper.svg.addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
      if (ctrlKey || metaKey) return;
      if (key === "Backspace") this.#paper.undo();
      if (key === "Delete") this.clear();
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#paper.undo();
    });
  }

  #refresh() {
    const isPhoto = !this.#photo.hidden;
    this.#hint.hidden = isPhoto || !this.#paper.isEmpty;
    this.#undo.disabled = this.#paper.isEmpty;
    this.#clear.disabled = this.#paper.isEmpty && !isPhoto;
  }
}
