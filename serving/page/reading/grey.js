/** Colour to grey. */

import { continued, detail } from "../vision/blur.js";
import { level, rounded } from "../vision/numbers.js";
import { plane } from "../vision/pixels.js";
import { principalAxis } from "../vision/principal.js";
import { shrunk } from "../vision/resize.js";

/** @typedef {import("../vision/pixels.js").Pixels} Pixels */

const { fround } = Math;
/** The side at which a picture's colours are looked at. */
const LOOK = 96;

/**
 * The grey in which ink and paper differ most: the first principal component (Pearson 1901) of how the colours differ from
 * their surroundings.
 *
 * @param {Pixels} pixels of one channel or three
 */
export function contrast(pixels) {
  if (pixels.channels === 1) return pixels;
  const weights = direction(pixels), [red, green, blue] = weights.map(fround), { data } = pixels;
  const offset = fround(-255 * weights.reduce((sum, weight) => sum + Math.min(0, weight), 0));
  const grey = plane(pixels.width, pixels.height);
  for (let at = 0, from = 0; at < grey.data.length; at++, from += 3) {
    const sum = fround(fround(fround(red * data[from]) + fround(green * data[from + 1])) + fround(blue * data[from + 2]));
    grey.data[at] = level(fround(sum + offset));
  }
  return grey;
}

/**
 * The direction as weights of red, green and blue; their absolute values sum to 1.
 *
 * @param {Pixels} pixels
 */
function direction(pixels) {
  const scale = LOOK / Math.max(pixels.width, pixels.height);
  const [width, height] = [pixels.width, pixels.height].map((side) => rounded(side * scale));
  const small = scale >= 1 ? pixels : shrunk(pixels, width, height, [1 / scale, 1 / scale]);
  const found = detail(small, Math.max(3, Math.floor(Math.min(small.width, small.height) / 3)) | 1, continued);
  const spread = [0, 1, 2].map((one) => [0, 1, 2].map((other) => product(found, one, other)));
  const axis = principalAxis(spread), size = axis.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const sign = axis.reduce((sum, weight) => sum + weight, 0) < 0 ? -1 : 1; // white stays lighter than black
  return axis.map((weight) => (sign * weight) / size);
}

/**
 * @param {Float32Array} values of three channels
 * @param {number} one
 * @param {number} other
 */
function product(values, one, other) {
  let sum = 0;
  for (let at = 0; at < values.length; at += 3) sum += values[at + one] * values[at + other];
  return sum / (values.length / 3);
}
