/**
 * Pixels in memory, and what is done to them one by one.
 *
 * @typedef {object} Pixels
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 * @property {Uint8Array} data row by row, the channels of a pixel side by side
 *
 * @typedef {Pixels} Plane of one channel
 *
 * @typedef {object} Box
 * @property {number} left
 * @property {number} top
 * @property {number} width 0 where there is nothing
 * @property {number} height
 */

/**
 * @param {number} width
 * @param {number} height
 * @param {Uint8Array} [data]
 * @returns {Plane}
 */
export const plane = (width, height, data = new Uint8Array(width * height)) => ({ width, height, channels: 1, data });

/**
 * @param {Plane} one
 * @param {(value: number) => number} change
 */
export function mapped(one, change) {
  const levels = Uint8Array.from({ length: 256 }, (_, level) => change(level));
  return plane(one.width, one.height, one.data.map((value) => levels[value]));
}

/**
 * @param {Plane} one
 * @param {Plane} other of the same size
 * @param {(one: number, other: number) => number} combine
 */
export function combined(one, other, combine) {
  const made = plane(one.width, one.height);
  for (let at = 0; at < made.data.length; at++) made.data[at] = combine(one.data[at], other.data[at]);
  return made;
}

/** @param {Plane} one */
export const inverted = (one) => mapped(one, (value) => 255 - value);

/**
 * @param {Plane} one
 * @param {Plane} other
 */
export const least = (one, other) => combined(one, other, Math.min);

/**
 * @param {Plane} one
 * @param {Plane} other
 */
export const most = (one, other) => combined(one, other, Math.max);

/**
 * @param {Plane} one
 * @param {Plane} other
 */
export const difference = (one, other) => combined(one, other, (value, less) => Math.max(0, value - less));

/**
 * A part, as far as there is one.
 *
 * @param {Plane} one
 * @param {Box} part
 */
export function cropped(one, { left, top, width, height }) {
  const [right, bottom] = [Math.min(left + width, one.width), Math.min(top + height, one.height)];
  const part = plane(right - left, bottom - top);
  for (let y = top; y < bottom; y++) {
    part.data.set(one.data.subarray(y * one.width + left, y * one.width + right), (y - top) * part.width);
  }
  return part;
}

/** @param {Plane} one */
export function transposed(one) {
  const { width, height, data } = one;
  const turned = plane(height, width);
  for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++) turned.data[x * height + y] = data[at++];
  return turned;
}

/** @param {Plane} one */
export function flipped(one) {
  const { width, height, data } = one;
  const turned = plane(width, height);
  for (let y = 0; y < height; y++) turned.data.set(data.subarray(y * width, (y + 1) * width), (height - 1 - y) * width);
  return turned;
}

/** @param {Plane} one */
export const count = ({ data }) => data.reduce((sum, value) => sum + (value ? 1 : 0), 0);

/** @param {Plane} one */
export const hasAny = ({ data }) => data.some(Boolean);

/**
 * The smallest box around all that is not 0.
 *
 * @param {Plane} one
 * @returns {Box}
 */
export function bounds({ width, height, data }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!data[at++]) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (top > y) top = y;
      bottom = y;
    }
  }
  return right < 0 ? { left: 0, top: 0, width: 0, height: 0 } : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/**
 * The outermost pixels, as (H, W) rows: the first, the last, the left column, the right one.
 *
 * @param {Plane} one
 */
export function border({ width, height, data }) {
  const found = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (const x of [0, width - 1]) for (let y = 0; y < height; y++) found.push(data[y * width + x]);
  return found;
}

/**
 * The four corners, each one part-th of the sides, and three pixels at least.
 *
 * @param {Plane} one
 * @param {number} part
 */
export function corners(one, part) {
  const [width, height] = [one.width, one.height].map((side) => Math.min(side, Math.max(3, Math.floor(side / part))));
  const [right, bottom] = [one.width - width, one.height - height];
  return [[0, 0], [right, 0], [0, bottom], [right, bottom]].map(([left, top]) => cropped(one, { left, top, width, height }));
}
