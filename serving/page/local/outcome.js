/** What became of one picture, as the one object that says so everywhere. As serving/outcome.py. */

import { place, rounded } from "../vision/numbers.js";
import { decide } from "./decision.js";

/** @typedef {import("../answer.js").Answer} Answer */
/** @typedef {import("../answer.js").Card} Card */
/** @typedef {import("../reading/index.js").Reading} Reading */
/** @typedef {{source: string, index: number, card: Card}} About */

/** Probabilities are told to 1e-7, float32's own precision near 1. */
const PARTS = 1e7;
const NOTHING = { digit: null, name: null, confidence: null, probabilities: null, reason: null, message: null };

/** @param {About} about */
function told({ source, index, card }) {
  return { source, index, model: `${card.name}@${card.onnx_sha256.slice(0, 12)}`, ...NOTHING };
}

/**
 * @param {import("./runtime.js").Row} row
 * @param {Reading} reading
 * @param {About} about
 * @returns {Promise<Answer>}
 */
export async function prediction(row, reading, about) {
  const probabilities = Array.from(row.probabilities, (value) => rounded(value * PARTS) / PARTS);
  const digit = place(row.probabilities), [name, confidence] = [about.card.classes[digit], probabilities[digit]];
  const status = decide(row, about.card, reading.isClutter), seen = await png(reading.picture);
  return { ...told(about), status, digit, name, confidence, probabilities, seen };
}

/**
 * @param {Reading} reading
 * @param {About} about
 * @returns {Promise<Answer>}
 */
export async function blank({ picture }, about) {
  return { ...told(about), status: "blank", seen: await png(picture) };
}

/**
 * @param {import("../reading/refusal.js").ImageRejected} rejected
 * @param {About} about
 * @returns {Answer}
 */
export const rejection = ({ reason, message }, about) => ({ ...told(about), status: "rejected", reason, message });

/**
 * A picture as a data URI.
 *
 * @param {import("../vision/pixels.js").Plane} picture
 */
async function png({ width, height, data }) {
  const canvas = new OffscreenCanvas(width, height), image = new ImageData(width, height);
  data.forEach((value, at) => image.data.set([value, value, value, 255], 4 * at));
  /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
  return new FileReaderSync().readAsDataURL(await canvas.convertToBlob());
}
