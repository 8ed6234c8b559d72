import { SIDE, pathOf } from "./strokes.js";

/** @typedef {import("./strokes.js").Point} Point */
/** @typedef {import("./strokes.js").Stroke} Stroke */

const SVG = "http://www.w3.org/2000/svg";
const STEP = SIDE / 28;
const START = /** @type {Point} */ ([8 * STEP, 7 * STEP]);
/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/**
 * The paper: strokes by mouse, pen, finger or arrow keys.
 *
 * Fires "begin" before a stroke begins, "change" whenever there is other ink than before, and "lift" when a stroke is complete.
 */
export class Paper extends EventTarget {
  /** @type {Stroke[]} */
  #strokes = [];
  /** @type {Stroke | null} */
  #stroke = null;
  /** @type {number | null} */
  #pointer = null;
  #hand = START;
  #width = 20;

  /**
   * @param {SVGSVGElement} svg
   * @param {(text: string) => void} say tells where the pen is, to those who do not see it
   */
  constructor(svg, say) {
    super();
    this.svg = svg;
    this.say = say;
    this.ink = svg.appendChild(document.createElementNS(SVG, "g"));
    this.cursor = svg.appendChild(document.createElementNS(SVG, "circle"));
    this.cursor.classList.add("paper__cursor");
    svg.addEventListener("pointerdown", (event) => this.#down(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    svg.addEventListener("pointerup", (event) => this.#up(event));
    svg.addEventListener("pointercancel", (event) => this.#up(event));
    svg.addEventListener("keydown", (event) => this.#key(event));
    svg.addEventListener("focus", () => this.#point());
    svg.addEventListener("blur", () => {
      delete svg.dataset.by;
      this.#lift();
    });
  }

  /** @param {number} width of the next stroke, in the paper's units */
  set width(width) {
    this.#width = width;
    this.#point();
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  /** The strokes as they are now; what is drawn later does not change them. */
  get strokes() {
    return structuredClone(this.#strokes);
  }

  /** @param {Stroke[]} strokes put on the paper instead of what is there; fires nothing */
  lay(strokes) {
    this.#drop();
    this.#strokes = structuredClone(strokes);
    this.ink.replaceChildren(...this.#strokes.map(line));
  }

  undo() {
    this.#drop();
    if (!this.#strokes.pop()) return;
    this.ink.lastElementChild?.remove();
    this.#fire("change", "lift");
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    event.preventDefault(); // no selection; the focus is then set by hand
    this.svg.focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    this.#lift();
    this.svg.dataset.by = "pointer";
    this.#begin(this.#place(event), event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    this.#draw(...(between.length ? between : [event]).map((one) => this.#place(one)));
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId === this.#pointer) this.#lift();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.#walk(arrow, event.shiftKey ? 3 : 1);
    else if (event.key === " ") this.#toggle();
    else return;
    event.preventDefault(); // the page would scroll
    this.svg.dataset.by = "keys";
  }

  #toggle() {
    if (this.#stroke) this.#lift();
    else this.#begin(this.#hand);
    this.#point();
    this.say(this.#stroke ? "Pen down." : "Pen up.");
  }

  /**
   * @param {Point} direction
   * @param {number} steps
   */
  #walk([right, down], steps) {
    const within = (/** @type {number} */ value) => Math.min(SIDE - STEP, Math.max(STEP, value));
    this.#hand = [within(this.#hand[0] + right * steps), within(this.#hand[1] + down * steps)];
    if (this.#stroke) this.#draw(this.#hand);
    this.#point();
    const [column, row] = this.#hand.map((value) => Math.round(value / STEP));
    this.say(`Column ${column}, row ${row}.`);
  }

  #point() {
    const [x, y] = this.#hand;
    for (const [name, value] of Object.entries({ cx: x, cy: y, r: this.#width / 2 })) this.cursor.setAttribute(name, String(value));
    this.svg.toggleAttribute("data-down", this.#stroke !== null);
  }

  /**
   * @param {Point} point
   * @param {number | null} pointer null for the keyboard
   */
  #begin(point, pointer = null) {
    this.#fire("begin");
    this.#pointer = pointer;
    this.#stroke = { width: this.#width, points: [point] };
    this.#strokes.push(this.#stroke);
    this.ink.append(line(this.#stroke));
    this.#fire("change");
  }

  /** @param {Point[]} points */
  #draw(...points) {
    if (!this.#stroke) return;
    this.#stroke.points.push(...points);
    this.ink.lastElementChild?.setAttribute("d", pathOf(this.#stroke.points));
    this.#fire("change");
  }

  #lift() {
    if (!this.#stroke) return;
    this.#hand = this.#stroke.points[this.#stroke.points.length - 1];
    this.#drop();
    this.#fire("lift");
  }

  /** Let go of the stroke that is being drawn; it stays as it is. */
  #drop() {
    this.#stroke = this.#pointer = null;
    this.#point();
  }

  /** @param {string[]} names */
  #fire(...names) {
    for (const name of names) this.dispatchEvent(new Event(name));
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  #place(event) {
    const box = this.svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }
}

/** @param {Stroke} stroke */
function line(stroke) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", pathOf(stroke.points));
  path.setAttribute("stroke-width", String(stroke.width));
  return path;
}
