/** Ink to 28x28, as MNIST places it (LeCun et al. 1998). */

import { level, rounded } from "../vision/numbers.js";
import { bounds, cropped, mapped, plane } from "../vision/pixels.js";
import { enlarged, shrunk } from "../vision/resize.js";

/** @typedef {import("../vision/pixels.js").Pixels} Pixels */
/** @typedef {import("../vision/pixels.js").Plane} Plane */

export const SIDE = 28;
/** MNIST fits the digit into a box of 20x20 and puts its centre of mass into the middle. */
const BOX = 20, CENTRE = 14;
const MOST_OFF = 0.55, LEAST_MAXIMUM = 254;

/**
 * Where an ink's mass is.
 *
 * @param {Plane} ink
 */
function centreOfMass({ width, height, data }) {
  let [mass, across, down] = [0, 0, 0];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      mass += data[at];
      across += x * data[at];
      down += y * data[at];
    }
  }
  return mass ? { row: down / mass, column: across / mass } : { row: height / 2, column: width / 2 };
}

/**
 * Whether an ink is already as MNIST places it, and has to stay as it is, bit for bit.
 *
 * @param {Pixels} ink
 */
export function isPlaced(ink) {
  if (ink.channels !== 1 || ink.width !== SIDE || ink.height !== SIDE) return false;
  const { width, height } = bounds(ink);
  if (![BOX - 1, BOX].includes(Math.max(width, height)) || Math.max(...ink.data) < LEAST_MAXIMUM) return false;
  const { row, column } = centreOfMass(ink);
  return Math.abs(row - CENTRE) < MOST_OFF && Math.abs(column - CENTRE) < MOST_OFF;
}

/**
 * Fit the masked part of an ink into 20x20, keeping its aspect, and its centre of mass into the middle of 28x28.
 *
 * @param {Plane} ink
 * @param {Plane} mask not 0 where the digit is; at least one pixel
 */
export function place(ink, mask) {
  const digit = fitted(cropped(ink, bounds(mask))), { row, column } = centreOfMass(digit);
  const [top, left] = [start(row, digit.height), start(column, digit.width)], placed = plane(SIDE, SIDE);
  for (let y = 0; y < digit.height; y++) {
    placed.data.set(digit.data.subarray(y * digit.width, (y + 1) * digit.width), (top + y) * SIDE + left);
  }
  return placed;
}

/**
 * Where a side begins whose centre is to come to the middle; it does not leave the picture for that.
 *
 * @param {number} centre
 * @param {number} length
 */
const start = (centre, length) => Math.min(Math.max(rounded(CENTRE - centre), 0), SIDE - length);

/**
 * A picture with its longer side at so many pixels and its aspect kept.
 *
 * @param {Pixels} picture
 * @param {number} side
 */
export function scaled(picture, side) {
  const scale = side / Math.max(picture.height, picture.width);
  const [width, height] = [picture.width, picture.height].map((length) => Math.max(1, rounded(length * scale)));
  return scale < 1 ? shrunk(picture, width, height) : enlarged(picture, width, height);
}

/** @param {Plane} ink */
function fitted(ink) {
  const resized = scaled(ink, BOX), strongest = Math.max(...resized.data, 1), more = Math.fround(255 / strongest);
  return mapped(resized, (value) => level(Math.fround(value * more)));
}
