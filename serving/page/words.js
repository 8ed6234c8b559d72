/** Answers in plain words. */

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Card} Card */

const THIN = "\u202f";
/** From here on a second guess is worth a mention. */
const WORTH_SAYING = 0.05;

/** @param {number} fraction */
export function percent(fraction) {
  if (fraction >= 0.9995) return `>${THIN}99.9${THIN}%`;
  if (fraction < 0.0005) return `<${THIN}0.1${THIN}%`;
  return `${(fraction * 100).toFixed(1)}${THIN}%`;
}

/** @param {number} number */
export const whole = (number) => number.toLocaleString("en");

/** @param {string} name of a network, as its folder is called */
export const spoken = (name) => name.replaceAll("_", " ");

/** @param {Card} card */
export const isOfDigits = (card) => card.classes.every((name, place) => name === String(place));

/**
 * The answer in one word, for the large letters.
 *
 * @param {Answer} answer
 */
export function headline(answer) {
  switch (answer.status) {
    case "digit":
      return `${answer.name}`;
    case "unsure":
      return `${answer.name}?`;
    case "not_a_digit":
      return "no digit";
    case "blank":
      return "blank";
    case "rejected":
      return "not read";
  }
}

/**
 * The answer as a sentence or two.
 *
 * @param {Answer} answer
 * @param {Card | null} card of the network that gave it; null where the page itself did
 */
export function sentence(answer, card) {
  switch (answer.status) {
    case "digit":
      return !card || isOfDigits(card) ? `This is ${article(answer.name)}.` : `This looks like: ${answer.name}.`;
    case "unsure":
      return `Not sure${card ? guesses(answer, card) : ""}.`;
    case "not_a_digit":
      return `This is no digit. If it had to be one: ${article(answer.name)}.`;
    case "blank":
      return "There is no ink to be found on it.";
    case "rejected":
      return `This one cannot be read. ${answer.message}`;
  }
}

/**
 * How sure that is; nothing where the digit is a guess at something that is none.
 *
 * @param {Answer} answer
 */
export function surety({ status, name, confidence }) {
  if (confidence === null || status === "not_a_digit") return "";
  return status === "digit" ? `${percent(confidence)} sure` : `${percent(confidence)} for ${name}`;
}

/**
 * @param {Answer} answer
 * @param {Card} card
 */
function guesses({ probabilities }, card) {
  const ranked = (probabilities ?? []).map((value, place) => ({ value, name: card.classes[place] }));
  ranked.sort((one, other) => other.value - one.value);
  const [first, ...others] = ranked.slice(0, 3).filter(({ value }, rank) => !rank || value >= WORTH_SAYING);
  const called = (/** @type {string} */ name) => (isOfDigits(card) ? article(name) : name);
  return `: perhaps ${called(first.name)}${others.map(({ name }) => `, or ${called(name)}`).join("")}`;
}

/** @param {string | null} digit */
const article = (digit) => `${digit === "8" ? "an" : "a"} ${digit}`;

/**
 * How many of what, of several answers.
 *
 * @param {(Answer | null)[]} answers null: not yet answered
 */
export function tally(answers) {
  /** @type {[string, (answer: Answer) => boolean][]} */
  const kinds = [
    ["read", ({ status }) => status === "digit"],
    ["not sure", ({ status }) => status === "unsure"],
    ["no digit", ({ status }) => status === "not_a_digit"],
    ["blank", ({ status }) => status === "blank"],
    ["not read", ({ status }) => status === "rejected"],
  ];
  const known = answers.filter((answer) => answer !== null);
  const counts = kinds.map(([word, is]) => ({ word, count: known.filter(is).length }));
  const waiting = { word: "waiting", count: answers.length - known.length };
  return [...counts, waiting].filter(({ count }) => count).map(({ word, count }) => `${count} ${word}`).join(", ");
}
