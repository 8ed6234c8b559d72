/**
 * Pictures, and what became of them.
 *
 * @typedef {import("./answer.js").Answer} Answer
 * @typedef {import("./answer.js").Card} Card
 * @typedef {import("./answer.js").Picture} Picture
 * @typedef {import("./strokes.js").Stroke} Stroke
 *
 * @typedef {object} Asked
 * @property {Picture} picture
 * @property {Stroke[] | null} strokes what was drawn; null for a file
 * @property {Answer | null} answer null while there is none
 * @property {Card | null} card of the network that answered
 * @property {string} failure why nobody answered, until somebody does
 * @property {boolean} isKept whether it stays in this browser until somebody sends it
 */

const NO_PICTURE = "/page/no-picture.svg";
/** Pixels: what is narrower is shown with sharp ones. */
const SMALL = 64;

/**
 * @param {Picture} picture
 * @param {boolean} isKept
 * @param {Stroke[] | null} strokes
 * @returns {Asked}
 */
export function asked(picture, isKept, strokes = null) {
  return { picture, strokes, answer: null, card: null, failure: "", isKept };
}

/**
 * A file that somebody brought. One that the browser cannot open is refused here, as the service never gets to see it.
 *
 * @param {File} file
 * @param {boolean} isKept
 * @returns {Promise<Asked>}
 */
export async function brought(file, isKept) {
  const one = asked({ name: file.name, url: URL.createObjectURL(file), file: async () => file }, isKept);
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    one.answer = unopened(file.name);
  }
  return one;
}

/**
 * Whether there is nothing left to ask this network about it.
 *
 * @param {Asked} one
 * @param {Card} card
 */
export const isAnswered = ({ answer, card: by }, card) => answer !== null && (by === card || by === null);

/**
 * Whether this network is not to see it, as it is at the service.
 *
 * @param {Asked} one
 * @param {Card} card
 */
export const isWithheld = ({ isKept }, card) => isKept && !card.isHere;

/** @param {Asked} one that this browser is asked about; what the service has not answered before stays here from now on */
export const keep = (one) => void (one.isKept ||= !one.answer);

/**
 * A picture for the eye: the file itself, or what is drawn. Formats that the browser does not know give way to what the
 * network saw.
 *
 * @param {HTMLImageElement} image
 * @param {Asked} one
 */
export async function depict(image, { picture, answer }) {
  image.onerror = () => {
    image.onerror = null;
    image.src = answer?.seen ?? NO_PICTURE;
  };
  image.onload = () => image.classList.toggle("is-small", image.naturalWidth < SMALL);
  picture.url ??= URL.createObjectURL(await picture.file("digit"));
  image.src = picture.url;
}

/** @param {Asked} one whose picture is not to be seen again */
export function discard({ picture }) {
  if (picture.url) URL.revokeObjectURL(picture.url);
}

/**
 * The answer to a file that the browser cannot open: it never could, or the file has changed since.
 *
 * @param {string} source
 * @param {number} [index]
 * @returns {Answer}
 */
export function unopened(source, index = 0) {
  return {
    source, index, status: "rejected", digit: null, name: null, confidence: null, probabilities: null, reason: "unreadable",
    message: "It cannot be opened, or has changed since it was brought. If it is a folder, bring the pictures in it.", model: "",
  };
}
