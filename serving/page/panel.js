import { byId, fillBar, within } from "./dom.js";
import { NOTES } from "./notes.js";
import { headline, percent, sentence, spoken, surety } from "./words.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Card} Card */
/** @typedef {import("./answer.js").Unanswered} Unanswered */

/** The answer of the chosen network: the word, the sentence, the bars, what it saw. */
export class Panel {
  #problem = byId("problem", HTMLElement);
  #key = byId("key", HTMLInputElement);
  #verdict = byId("verdict", HTMLElement);
  #rows = within(byId("bars", HTMLTableElement), "tbody", HTMLTableSectionElement);
  #seen = byId("seen", HTMLImageElement);
  #send = byId("send", HTMLButtonElement);

  /**
   * again: told the key to the service that was given, "" for none. send: the picture may leave this browser.
   *
   * @param {{again: (key: string) => void, send: () => void}} told
   */
  constructor({ again, send }) {
    this.#send.addEventListener("click", send);
    this.#problem.addEventListener("submit", (event) => {
      event.preventDefault();
      again(this.#key.value);
    });
  }

  /** @param {Card} card of the network that is going to answer */
  open(card) {
    this.#rows.replaceChildren(...card.classes.map(row));
    byId("note", HTMLElement).textContent = NOTES[card.name] ?? "";
    byId("calibration", HTMLElement).textContent = calibration(card);
    this.rest();
  }

  /** Nothing is asked. */
  rest() {
    this.#write("none", "", "Nothing to answer yet.", "");
    this.#bars(null);
    this.#see("");
  }

  /**
   * A picture that was not there before is on its way; an older answer would be taken for its own.
   *
   * @param {string} why it takes its time
   */
  wait(why = "Reading it …") {
    this.#write("none", "", why, "");
  }

  /** @param {Card} card of a network at the service, which the picture has not left this browser for */
  offer(card) {
    this.#write("none", "", `This picture has stayed in this browser; ${spoken(card.name)} answers at the service.`, "");
    this.#bars(null);
    this.#see("");
    this.#send.hidden = false;
  }

  /**
   * @param {Answer} answer
   * @param {Card | null} card
   */
  show(answer, card) {
    this.#write(answer.status, headline(answer), sentence(answer, card), surety(answer));
    this.#bars(answer.probabilities);
    this.#see(answer.seen ?? "");
  }

  /**
   * Nobody answered.
   *
   * @param {string} why
   * @param {{locked?: boolean}} more locked: a key would help
   */
  complain(why, { locked = false } = {}) {
    this.#write("none", "", "No answer.", "");
    this.#bars(null);
    this.#see("");
    this.remark(why);
    within(this.#problem, "label", HTMLElement).hidden = !locked;
    within(this.#problem, "button", HTMLElement).hidden = false;
  }

  /**
   * Something went wrong that has nothing to do with the answer that is shown.
   *
   * @param {string} what
   */
  remark(what) {
    within(this.#problem, "p", HTMLElement).textContent = what;
    for (const part of ["label", "button"]) within(this.#problem, part, HTMLElement).hidden = true;
    this.#problem.hidden = false;
  }

  /**
   * @param {string} status
   * @param {string} word
   * @param {string} line
   * @param {string} sure
   */
  #write(status, word, line, sure) {
    this.#problem.hidden = this.#send.hidden = true;
    this.#verdict.dataset.status = status;
    this.#verdict.classList.toggle("is-long", word.length > 2);
    byId("word", HTMLElement).textContent = word;
    byId("line", HTMLElement).textContent = line;
    byId("sure", HTMLElement).textContent = sure;
  }

  /** @param {number[] | null} probabilities */
  #bars(probabilities) {
    const most = probabilities ? Math.max(...probabilities) : NaN;
    for (const [place, line] of [...this.#rows.rows].entries()) {
      const value = probabilities?.[place];
      line.classList.toggle("is-most", value === most);
      fillBar(within(line, ".bars__fill", HTMLElement), value ?? 0);
      within(line, ".bars__percent", HTMLElement).textContent = value === undefined ? "" : percent(value);
    }
  }

  /** @param {string} seen */
  #see(seen) {
    this.#seen.hidden = !seen;
    if (seen) this.#seen.src = seen;
  }
}

/** @param {string} name */
function row(name) {
  const line = document.createElement("tr");
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
  const cell = document.createElement("td");
  for (const part of ["fill", "percent"]) {
    cell.append(Object.assign(document.createElement("span"), { className: `bars__${part}` }));
  }
  line.append(head, cell);
  return line;
}

/** @param {Card} card */
function calibration({ ece, decision }) {
  const off = (ece.after * 100).toFixed(1);
  const told = `On the test set, 80 in 100 of its answers with 80\u202f% are right, give or take ${off} on average.`;
  return decision ? told : `${told} It cannot refuse: whatever it is shown, it names one of the ten.`;
}
