import { Unanswered, answer } from "./answer.js";
import { emptyCard, fillCard, makeCard } from "./card.js";
import { byId, copyOf, within } from "./dom.js";
import { headline, spoken } from "./words.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Card} Card */
/** @typedef {import("./answer.js").Picture} Picture */

/**
 * @typedef {object} Group networks that know the same things
 * @property {string} dataset
 * @property {Map<Card, HTMLElement>} cards
 * @property {HTMLElement} element
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
  /** @type {Picture | null} the last that was compared */
  #picture = null;
  /** @type {Map<Card, Answer>} about it */
  #answers = new Map();
  #run = new AbortController();
  #isAtRest = true;
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

  /** @param {Card} chosen whose answer the others are compared with */
  lead(chosen) {
    this.#chosen = chosen;
    for (const group of this.#groups) {
      const isFirst = group.dataset === chosen.dataset.name;
      group.ask.hidden = isFirst;
      if (!isFirst) group.element.parentElement?.append(group.element); // never the one that has the focus
      for (const [card, element] of group.cards) {
        within(element, "button", HTMLElement).setAttribute("aria-pressed", String(card.name === chosen.name));
      }
    }
  }

  /**
   * Nothing is compared.
   *
   * @param {string} why
   */
  rest(why = INVITATION) {
    this.stop();
    this.#isAtRest = true;
    this.#again.hidden = true;
    this.#line.textContent = why;
    for (const group of this.#groups) for (const element of group.cards.values()) emptyCard(element, "none", "");
  }

  /** The picture is about to change: what still runs is given up, what is there is out of date. */
  stop() {
    this.#run.abort();
    for (const group of this.#groups) for (const element of group.cards.values()) element.classList.add("is-old");
  }

  /**
   * What a network was heard to say, so that it need not be asked again.
   *
   * @param {Picture} picture
   * @param {Card} card
   */
  known(picture, card) {
    return picture === this.#picture ? this.#answers.get(card) : undefined;
  }

  /**
   * @param {Picture} picture
   * @param {Answer} given what the chosen network said
   */
  compare(picture, given) {
    if (picture !== this.#picture) this.#answers = new Map();
    this.#picture = picture;
    this.#isAtRest = false;
    if (this.#chosen) this.#answers.set(this.#chosen, given);
    return this.#compare();
  }

  async #compare() {
    if (!this.#picture || this.#isAtRest) return;
    this.stop();
    this.#run = new AbortController();
    const [picture, { signal }] = [this.#picture, this.#run];
    this.#again.hidden = true;
    const asked = this.#groups.filter((group) => this.#isAsked(group)).flatMap((group) => [...group.cards]);
    for (const group of this.#groups) {
      if (!this.#isAsked(group)) for (const element of group.cards.values()) emptyCard(element, "none", "not asked");
    }
    await inTurn(AT_ONCE, asked, ([card, element]) => this.#ask(picture, card, element, signal));
    if (!signal.aborted) this.#sumUp(asked.map(([card]) => this.#answers.get(card)));
  }

  /**
   * @param {Picture} picture
   * @param {Card} card
   * @param {HTMLElement} element
   * @param {AbortSignal} signal
   */
  async #ask(picture, card, element, signal) {
    if (signal.aborted) return;
    try {
      const given = this.#answers.get(card) ?? (await answer(picture, { card, signal }));
      if (signal.aborted) return;
      this.#answers.set(card, given);
      fillCard(element, given, this.#differs(card, given));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Unanswered)) throw error;
      emptyCard(element, "rejected", "no answer");
    }
  }

  /**
   * @param {Card} card
   * @param {Answer} given
   */
  #differs(card, given) {
    const first = this.#chosen && this.#answers.get(this.#chosen);
    return this.#isPeer(card) && given.digit !== first?.digit;
  }

  /** @param {Card} card whether it knows the same things as the chosen one */
  #isPeer({ dataset }) {
    return dataset.name === this.#chosen?.dataset.name;
  }

  /** @param {Group} group */
  #isAsked({ dataset, too }) {
    return dataset === this.#chosen?.dataset.name || too.checked;
  }

  /** @param {(Answer | undefined)[]} all undefined: no answer */
  #sumUp(all) {
    const missing = all.filter((given) => !given).length;
    this.#again.hidden = !missing;
    const told = counted([...this.#answers].filter(([card]) => this.#isPeer(card)).map(([, given]) => said(given)));
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
    const made = cards.map((card) => /** @type {[Card, HTMLElement]} */ ([card, makeCard(card, () => this.choose(card))]));
    within(element, "ul", HTMLElement).append(...made.map(([, one]) => one));
    byId("groups", HTMLElement).append(element);
    return { dataset, element, cards: new Map(made), ask: within(element, "label", HTMLElement), too };
  }
}

/** @param {Answer} answer */
const said = (answer) => (answer.status === "unsure" ? `${answer.name} (not sure)` : headline(answer));

/**
 * How many say what, the most first.
 *
 * @param {string[]} words
 */
function counted(words) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const ranked = [...counts].sort(([, one], [, other]) => other - one);
  const others = ranked.slice(MOST_SAID).reduce((sum, [, count]) => sum + count, 0);
  const told = ranked.slice(0, MOST_SAID).map(([word, count]) => `${count} ${count === 1 ? "says" : "say"} ${word}`);
  return others ? [...told, `${others} something else`] : told;
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
