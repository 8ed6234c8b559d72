/**
 * Bytes to 28x28, as serving/reading does it, so that a picture is read alike here and there: the same steps under the same
 * names, without what they tell of themselves. A change of the one asks for the same change of the other.
 */

import { plane } from "../vision/pixels.js";
import { decode } from "./decode.js";
import { findInk } from "./ink.js";
import { SIDE, isPlaced, place } from "./place.js";

/** @typedef {import("../vision/pixels.js").Plane} Plane */
/** @typedef {import("./decode.js").Limits} Limits */
/** @typedef {{picture: Plane, isBlank: boolean, isClutter: boolean}} Reading */

/**
 * Read one picture from the bytes of a file. Throws ImageRejected.
 *
 * @param {Uint8Array} data
 * @param {Limits} limits
 * @returns {Promise<Reading>}
 */
export async function read(data, limits) {
  const pixels = await decode(data, limits);
  if (isPlaced(pixels)) return { picture: pixels, isBlank: false, isClutter: false };
  const found = findInk(pixels);
  if (!found) return { picture: plane(SIDE, SIDE), isBlank: true, isClutter: false };
  return { picture: place(found.ink, found.mask), isBlank: false, isClutter: found.isClutter };
}
