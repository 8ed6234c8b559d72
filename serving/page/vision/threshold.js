/** Two kinds of pixels, by their levels. */

import { plane } from "./pixels.js";

/** @typedef {import("./pixels.js").Plane} Plane */

/** Of all pixels; a part that is smaller is none: FLT_EPSILON. */
const LEAST_PART = 2 ** -23;

/**
 * How many pixels of each level, 0 to 255.
 *
 * @param {ArrayLike<number>} values
 */
export function histogram(values) {
  const counts = new Float64Array(256);
  for (let at = 0; at < values.length; at++) counts[values[at]]++;
  return counts;
}

/**
 * Otsu's threshold (1979): the last level of the darker part.
 *
 * @param {ArrayLike<number>} values 0 to 255
 */
export function otsu(values) {
  const counts = histogram(values), scale = 1 / values.length;
  const all = counts.reduce((sum, count, at) => sum + at * count, 0) * scale;
  let [best, most, below, part] = [0, 0, 0, 0];
  for (let at = 0; at < 256; at++) {
    const share = counts[at] * scale;
    below *= part;
    part += share;
    const rest = 1 - part;
    if (Math.min(part, rest) < LEAST_PART || Math.max(part, rest) > 1 - LEAST_PART) continue;
    below = (below + at * share) / part;
    const above = (all - part * below) / rest;
    const between = part * rest * (below - above) * (below - above);
    if (between > most) [best, most] = [at, between];
  }
  return best;
}

/**
 * 255 where a plane is above a level, 0 elsewhere.
 *
 * @param {Plane} one
 * @param {number} limit
 */
export const above = (one, limit) => plane(one.width, one.height, one.data.map((value) => (value > limit ? 255 : 0)));

/**
 * The same at Otsu's threshold.
 *
 * @param {Plane} one
 */
export const parted = (one) => above(one, otsu(one.data));
