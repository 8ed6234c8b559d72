/**
 * The one door between the page and whatever answers: the service that the page came from, over HTTP, or the same network in
 * this browser. Nothing else here knows of HTTP.
 *
 * @typedef {"digit" | "unsure" | "not_a_digit" | "blank" | "rejected"} Status
 *
 * @typedef {object} Answer what became of one picture
 * @property {string} source its name
 * @property {number} index its place among those asked about together
 * @property {Status} status
 * @property {number | null} digit the class, 0 to 9
 * @property {string | null} name the class as its network calls it
 * @property {number | null} confidence 0 to 1
 * @property {number[] | null} probabilities of the ten classes, in order
 * @property {string | null} reason why it was rejected, for programs
 * @property {string | null} message the same for people
 * @property {string} model which network answered
 * @property {string} [seen] the 28x28 that it saw, as a data URI; a rejected picture has none
 *
 * @typedef {object} Card what a network says of itself; the part that the page shows
 * @property {string} name
 * @property {string} lab
 * @property {{name: string}} dataset
 * @property {"digit" | "plain"} reading
 * @property {string[]} classes
 * @property {number} parameters
 * @property {{accuracy: number}} test
 * @property {{after: number}} ece
 * @property {{evidence: number, confidence: number} | null} decision null where the network cannot refuse
 * @property {string} onnx_sha256 of its file
 * @property {boolean} [isHere] whether it answers in this browser
 *
 * @typedef {object} Picture
 * @property {string} name
 * @property {string | null} url where an <img> finds it; null for a drawing
 * @property {(reading: Card["reading"]) => Promise<Blob>} file its bytes, for networks of that reading
 *
 * @typedef {object} How
 * @property {Card} card of the network that is asked
 * @property {AbortSignal} signal
 * @property {(why: string) => void} [wait] told where something has to come before the answer can
 *
 * @typedef {object} Catalogue
 * @property {string} default
 * @property {Card[]} models
 * @property {Record<string, string>} refused
 * @property {Card | null} here the default, answering in this browser; null where it cannot
 */

import { Local, canRun } from "./local.js";
import { Unanswered } from "./unanswered.js";

export { Unanswered };

const PATIENCE_MS = 60_000;

/** To the service, where it takes one; forgotten with the page. */
let key = "";

/** @type {Local | null} what runs in this browser, if anything can */
let local = null;

/** @param {string} given */
export const unlock = (given) => void (key = given);

/**
 * What one network makes of one picture. Throws Unanswered; throws the signal's reason when it is aborted.
 *
 * @param {Picture} picture
 * @param {How} how
 * @returns {Promise<Answer>}
 */
export async function answer(picture, how) {
  const [only] = await answers([picture], how);
  return only;
}

/**
 * The same for several pictures at once, in their order.
 *
 * @param {Picture[]} pictures
 * @param {How} how
 * @returns {Promise<Answer[]>}
 */
export async function answers(pictures, how) {
  const { card, signal } = how;
  if (card.isHere) return inBrowser().answers(pictures, how);
  const body = new FormData();
  for (const picture of pictures) body.append("file", await picture.file(card.reading), picture.name);
  const query = new URLSearchParams({ model: card.name, seen: "1" });
  const told = await ask(`/predict?${query}`, { method: "POST", body, signal });
  return told.predictions;
}

/** Never the service instead: what is asked here is not to leave. */
function inBrowser() {
  if (!local) throw new Error("no network answers in this browser");
  return local;
}

/**
 * The networks there are. Throws Unanswered.
 *
 * @returns {Promise<Catalogue>}
 */
export async function catalogue() {
  const request = { signal: new AbortController().signal };
  const [told, { can_run, limits }] = await Promise.all([ask("/models", request), ask("/page/local.json", request)]);
  const card = told.models.find((/** @type {Card} */ { name }) => name === told.default);
  local = can_run && canRun() && card?.reading === "digit" ? new Local(limits, file) : null;
  return { ...told, here: local && { ...card, isHere: true } };
}

/**
 * A network's file, the one that its card is of: the service may have exchanged it since. Throws Unanswered.
 *
 * @param {Card} card
 * @returns {Promise<ArrayBuffer>}
 */
async function file({ name, onnx_sha256 }) {
  const { signal } = new AbortController();
  const { body, etag } = await ask(`/models/${encodeURIComponent(name)}/model.onnx`, { signal }, async (response) =>
    response.ok ? { body: await response.arrayBuffer(), etag: response.headers.get("etag") } : response.json());
  if (!etag?.includes(onnx_sha256)) { // a proxy may have marked it as weak
    throw new Unanswered("here", "The service has another network of that name meanwhile. Load the page anew to have it answer.");
  }
  return body;
}

/**
 * @param {string} path
 * @param {RequestInit & {signal: AbortSignal}} request
 * @param {(response: Response) => Promise<any>} read
 * @returns {Promise<any>} the body, of an answer as well as of a 422, which is an answer too
 */
async function ask(path, request, read = (response) => response.json()) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response, told;
  try {
    const headers = new Headers(key ? { "x-api-key": key } : []);
    response = await fetch(path, { ...request, headers, signal: AbortSignal.any([request.signal, patience]) });
    told = await read(response);
  } catch {
    request.signal.throwIfAborted();
    throw new Unanswered("away", "The service cannot be reached. What is on this page stays here.");
  }
  if (response.ok || told.predictions) return told;
  const after = Number(response.headers.get("retry-after")) || 1;
  const message = told.error?.message ?? `The service answered with status ${response.status}.`;
  if (response.status === 429 || response.status === 503) throw new Unanswered("busy", message, after);
  if (response.status === 401) throw new Unanswered("locked", "The service takes a key here.");
  throw new Unanswered(response.status >= 500 ? "away" : "refused", message);
}
