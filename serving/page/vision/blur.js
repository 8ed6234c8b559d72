/** Means over neighbours. */

import { plane } from "./pixels.js";

/** @typedef {import("./pixels.js").Pixels} Pixels */
/** @typedef {import("./pixels.js").Plane} Plane */

/**
 * The place that stands for one beyond an end: the picture as in a mirror that lies on its last pixels.
 *
 * @param {number} at
 * @param {number} length
 */
export function mirrored(at, length) {
  if (length === 1) return 0;
  while (at < 0 || at >= length) at = at < 0 ? -at : 2 * (length - 1) - at;
  return at;
}

/**
 * The same: the last pixels go on.
 *
 * @param {number} at
 * @param {number} length
 */
export const continued = (at, length) => Math.min(Math.max(at, 0), length - 1);

/**
 * Less noise: cv2.GaussianBlur by 3x3, to the level.
 *
 * @param {Plane} one
 */
export function smoothed({ width, height, data }) {
  const rows = new Uint16Array(data.length), made = plane(width, height);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    for (let x = 0; x < width; x++) {
      rows[start + x] = data[start + mirrored(x - 1, width)] + 2 * data[start + x] + data[start + mirrored(x + 1, width)];
    }
  }
  for (let y = 0; y < height; y++) {
    const [above, below] = [mirrored(y - 1, height) * width, mirrored(y + 1, height) * width];
    for (let x = 0; x < width; x++) {
      made.data[y * width + x] = (rows[above + x] + 2 * rows[y * width + x] + rows[below + x] + 8) >> 4;
    }
  }
  return made;
}

/**
 * How much each value differs from the mean of a square around it.
 *
 * @param {Pixels} picture
 * @param {number} side odd
 * @param {(at: number, length: number) => number} beyond which place stands for one beyond an end
 * @returns {Float32Array}
 */
export function detail({ width, height, channels, data }, side, beyond) {
  const around = side >> 1, columns = new Float64Array(data.length), made = new Float32Array(data.length), row = width * channels;
  for (let at = 0; at < row; at++) {
    let sum = 0;
    for (let y = -around; y <= around; y++) sum += data[beyond(y, height) * row + at];
    for (let y = 0; y < height; y++) {
      columns[y * row + at] = sum;
      sum += data[beyond(y + around + 1, height) * row + at] - data[beyond(y - around, height) * row + at];
    }
  }
  for (let y = 0; y < height; y++) {
    for (let channel = 0; channel < channels; channel++) {
      const start = y * row + channel;
      let sum = 0;
      for (let x = -around; x <= around; x++) sum += columns[start + beyond(x, width) * channels];
      for (let x = 0; x < width; x++) {
        const at = start + x * channels;
        made[at] = data[at] - Math.fround(sum / (side * side));
        sum += columns[start + beyond(x + around + 1, width) * channels] - columns[start + beyond(x - around, width) * channels];
      }
    }
  }
  return made;
}
