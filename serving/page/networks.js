import { answer } from "./answer.js";
import { byId, copyOf, fillBar, within } from "./dom.js";
import { NOTES } from "./notes.js";
import { headline, isOfDigits, percent, spoken, whole } from "./words.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Card} Card */
/** @typedef {import("./answer.js").Picture} Picture */

/**
 * @typedef {object} Group networks that know the same things
 * @property {string} dataset
 * @property {Map<Card, HTMLElement>} cards
 * @property {HTMLElement} ask the offer to ask them although another group's network is chosen
 * @property {HTMLInputElement} too whether it was taken
 */

const INVITATION = "Every network gets the same picture. Press one to see its bars.";
/** Answers that are told one by one before the rest is summed up. */
const MOST_SAID = 3;
/** Questions under way at once: a browser keeps six connections, and the next drawing needs one. */
const AT_ONCE = 4;
/** @type {Record<string, string>} */
const KNOWS = { MNIST: "digits", FashionMNIST: "clothes" };

/** Every network of the catalogue, answering side by side about one picture. */
export class Networks {
  /** @type {Group[]} */
  #groups = [];
  /** @type {Map<Card, Answer>} */
  #answers = new Map();
  #run = new AbortController();
  /** @type {{picture: Picture, known: Answer} | null} what is compared */
  #subject = null;
  /** @type {Card | null} */
  #chosen = null;
  #line = byId("networks-line", HTMLElement);
  #again = byId("networks-again", HTMLButtonElement);

  /** @param {(card: Card) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.#again.addEventListener("click", () => this.#compare());
  }

  /**
   * @param {Card[]} cards in the labs' order
   * @param {string[]} refused names of networks that the service does not trust
   */
  open(cards, refused) {
    const missing = byId("refused", HTMLElement);
    missing.hidden = !refused.length;
    missing.textContent = `Not served, because its file is not the proved one or cannot be loaded: ${refused.map(spoken).join(", ")}.`;
    const datasets = new Set(cards.map(({ dataset }) => dataset.name));
    this.#groups = [...datasets].map((dataset) => this.#group(dataset, cards.filter((card) => card.dataset.name === dataset)));
  }

  /** @param {Card} chosen whose answer the others are compared with; forgets what was compared */
  lead(chosen) {
    this.#chosen = chosen;
    for (const group of this.#groups) {
      group.ask.hidden = group.dataset === chosen.dataset.name;
      for (const [card, element] of group.cards) {
        within(element, "button", HTMLElement).setAttribute("aria-pressed", String(card === chosen));
      }
    }
    this.rest();
  }

  /** Nothing is compared. */
  rest() {
    this.stop();
    this.#subject = null;
    this.#answers.clear();
    this.#again.hidden = true;
    this.#line.textContent = INVITATION;
    for (const group of this.#groups) for (const element of group.cards.values()) empty(element, "none", "");
  }

  /** The picture is about to change: what still runs is given up, what is there is out of date. */
  stop() {
    this.#run.abort();
    for (const group of this.#groups) for (const element of group.cards.values()) element.classList.add("is-old");
  }

  /**
   * @param {Picture} picture
   * @param {Answer} known the chosen network's answer, which need not be asked for again
   */
  compare(picture, known) {
    this.#subject = { picture, known };
    return this.#compare();
  }

  async #compare() {
    if (!this.#subject || !this.#chosen) return;
    this.stop();
    this.#run = new AbortController();
    this.#again.hidden = true;
    this.#answers = new Map([[this.#chosen, this.#subject.known]]);
    const asked = this.#groups.filter((group) => this.#isAsked(group)).flatMap((group) => [...group.cards]);
    for (const group of this.#groups) {
      if (!this.#isAsked(group)) for (const element of group.cards.values()) empty(element, "none", "not asked");
    }
    await inTurn(AT_ONCE, asked, ([card, element]) => this.#ask(card, element, this.#run.signal));
    if (!this.#run.signal.aborted) this.#sumUp(asked.length);
  }

  /**
   * @param {Card} card
   * @param {HTMLElement} element
   * @param {AbortSignal} signal
   */
  async #ask(card, element, signal) {
    if (signal.aborted || !this.#subject) return;
    const { picture, known } = this.#subject;
    try {
      const given = this.#answers.get(card) ?? (await answer(picture, { card, signal }));
      if (signal.aborted) return;
      this.#answers.set(card, given);
      fill(element, given, card.dataset.name === this.#chosen?.dataset.name && given.digit !== known.digit);
    } catch {
      if (!signal.aborted) empty(element, "rejected", "no answer");
    }
  }

  /** @param {Group} group */
  #isAsked({ dataset, too }) {
    return dataset === this.#chosen?.dataset.name || too.checked;
  }

  /** @param {number} asked */
  #sumUp(asked) {
    const missing = asked - this.#answers.size;
    this.#again.hidden = !missing;
    const same = [...this.#answers].filter(([card]) => card.dataset.name === this.#chosen?.dataset.name);
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const [, given] of same) counts.set(said(given), (counts.get(said(given)) ?? 0) + 1);
    const ranked = [...counts].sort(([, one], [, other]) => other - one);
    const told = ranked.slice(0, MOST_SAID).map(([word, count]) => `${count} ${count === 1 ? "says" : "say"} ${word}`);
    const others = ranked.slice(MOST_SAID).reduce((sum, [, count]) => sum + count, 0);
    if (others) told.push(`${others} something else`);
    if (missing) told.push(`${missing} did not answer`);
    this.#line.textContent = `${told.join(", ")}.`;
  }

  /**
   * @param {string} dataset
   * @param {Card[]} cards
   * @returns {Group}
   */
  #group(dataset, cards) {
    const element = copyOf("group-template");
    const knows = KNOWS[dataset] ?? dataset;
    within(element, "h3", HTMLElement).textContent = `${cards.length} that know ${knows}`;
    const too = within(element, "input", HTMLInputElement);
    too.addEventListener("change", () => this.#compare());
    const made = cards.map((card) => /** @type {[Card, HTMLElement]} */ ([card, this.#card(card)]));
    within(element, "ul", HTMLElement).append(...made.map(([, one]) => one));
    byId("groups", HTMLElement).append(element);
    return { dataset, cards: new Map(made), ask: within(element, "label", HTMLElement), too };
  }

  /** @param {Card} card */
  #card(card) {
    const element = copyOf("card-template");
    const button = within(element, "button", HTMLButtonElement);
    button.textContent = spoken(card.name);
    button.addEventListener("click", () => {
      this.choose(card);
      byId("answer", HTMLElement).scrollIntoView({ block: "nearest" });
    });
    within(element, ".card__lab", HTMLElement).textContent = card.lab === "none" ? "ours" : `Lab ${card.lab}`;
    const [parameters, test] = element.querySelectorAll("dd");
    parameters.textContent = whole(card.parameters);
    test.textContent = percent(card.test.accuracy);
    within(element, ".card__note", HTMLElement).textContent = NOTES[card.name] ?? "";
    const spark = within(element, ".spark", HTMLElement);
    for (const name of card.classes) {
      const bar = document.createElement("i");
      if (isOfDigits(card)) bar.dataset.name = name;
      spark.append(bar);
    }
    return element;
  }
}

/** @param {Answer} answer */
const said = (answer) => (answer.status === "unsure" ? `${answer.name} (not sure)` : headline(answer));

/**
 * @param {HTMLElement} element
 * @param {Answer} answer
 * @param {boolean} differs
 */
function fill(element, answer, differs) {
  write(element, answer.status, headline(answer), answer.confidence === null ? "" : percent(answer.confidence), answer.probabilities);
  element.classList.toggle("is-other", differs);
  within(element, ".card__differs", HTMLElement).hidden = !differs;
}

/**
 * @param {HTMLElement} element
 * @param {string} status
 * @param {string} why
 */
function empty(element, status, why) {
  write(element, status, "", why, null);
  element.classList.remove("is-other");
  within(element, ".card__differs", HTMLElement).hidden = true;
}

/**
 * @param {HTMLElement} element
 * @param {string} status
 * @param {string} word
 * @param {string} sure
 * @param {number[] | null} probabilities
 */
function write(element, status, word, sure, probabilities) {
  element.dataset.status = status;
  element.classList.remove("is-old");
  element.classList.toggle("is-long", word.length > 2);
  within(element, ".card__word", HTMLElement).textContent = word;
  within(element, ".card__sure", HTMLElement).textContent = sure;
  const most = probabilities ? Math.max(...probabilities) : NaN;
  for (const [place, bar] of [...within(element, ".spark", HTMLElement).children].entries()) {
    const value = probabilities?.[place] ?? 0;
    bar.classList.toggle("is-most", value === most);
    if (bar instanceof HTMLElement) fillBar(bar, value);
  }
}

/**
 * Work through things, a few of them at a time.
 *
 * @template T
 * @param {number} atOnce
 * @param {T[]} things
 * @param {(thing: T) => Promise<void>} work
 */
async function inTurn(atOnce, things, work) {
  const rest = things.values(); // shared: each takes the next one
  const one = async () => {
    for (const thing of rest) await work(thing);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}
