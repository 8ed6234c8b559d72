/** What grows and what shrinks, by rectangles around each pixel. */

import { plane, transposed } from "./pixels.js";

/** @typedef {import("./pixels.js").Plane} Plane */

/**
 * The largest value around each pixel.
 *
 * @param {Plane} one
 * @param {number} width of the rectangle
 * @param {number} [height]
 */
export const dilated = (one, width, height = width) => extreme(one, width, height, Math.max, 0);

/**
 * The smallest.
 *
 * @param {Plane} one
 * @param {number} width of the rectangle
 * @param {number} [height]
 * @param {number} [beyond] what lies outside of the picture; 255: nothing that counts
 */
export const eroded = (one, width, height = width, beyond = 255) => extreme(one, width, height, Math.min, beyond);

/**
 * Gaps closed that are narrower than the rectangle.
 *
 * @param {Plane} one
 * @param {number} width of the rectangle
 * @param {number} [height]
 */
export const closed = (one, width, height = width) => eroded(dilated(one, width, height), width, height);

/**
 * @param {Plane} one
 * @param {number} width
 * @param {number} height
 * @param {(one: number, other: number) => number} choose
 * @param {number} beyond
 */
function extreme(one, width, height, choose, beyond) {
  const along = height > 1 ? alongColumns(one, height, choose, beyond) : one;
  return width > 1 ? transposed(alongColumns(transposed(along), width, choose, beyond)) : along;
}

/**
 * Each pixel's extreme over so many rows around it, found over two of them, four, eight.
 *
 * @param {Plane} one
 * @param {number} length
 * @param {(one: number, other: number) => number} choose
 * @param {number} beyond
 */
function alongColumns({ width, height, data }, length, choose, beyond) {
  let rows = new Uint8Array(width * (height + length - 1)).fill(beyond);
  rows.set(data, width * (length >> 1));
  for (let reached = 1; reached < length; ) {
    const step = Math.min(reached, length - reached), shift = step * width;
    const next = new Uint8Array(rows.length - shift);
    for (let at = 0; at < next.length; at++) next[at] = choose(rows[at], rows[at + shift]);
    rows = next;
    reached += step;
  }
  return plane(width, height, rows);
}
