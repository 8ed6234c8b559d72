/** Pictures turned and leant. */

import { level, rounded } from "./numbers.js";
import { plane } from "./pixels.js";

/** @typedef {import("./pixels.js").Plane} Plane */
/** @typedef {[xx: number, xy: number, x: number, yx: number, yy: number, y: number]} Affine a place onto another, row by row */

const { fround } = Math;

/**
 * What leads back.
 *
 * @param {Affine} onto
 * @returns {Affine}
 */
export function inverse([xx, xy, x, yx, yy, y]) {
  const scale = 1 / (xx * yy - xy * yx);
  const [a, b, c, d] = [yy * scale, -xy * scale, -yx * scale, xx * scale];
  return [a, b, -a * x - b * y, c, d, -c * x - d * y];
}

/**
 * A picture at its new place, each pixel the nearest one's: cv2.INTER_NEAREST, in 32 bits as OpenCV 5 computes places.
 *
 * @param {Plane} picture
 * @param {Affine} onto
 * @param {[width: number, height: number]} size
 * @param {boolean} goesOn whether the last pixels go on beyond the picture; else there is 0
 */
export function nearest(picture, onto, [width, height], goesOn) {
  const [xx, xy, x0, yx, yy, y0] = inverse(onto).map(fround), look = reader(picture, goesOn), made = plane(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    const [left, top] = [fround(xy * y + x0), fround(yy * y + y0)];
    for (let x = 0; x < width; x++) made.data[at++] = look(rounded(fround(xx * x + left)), rounded(fround(yx * x + top)));
  }
  return made;
}

/**
 * The same, each pixel from the four around it: cv2.INTER_LINEAR.
 *
 * @param {Plane} picture
 * @param {Affine} onto
 * @param {[width: number, height: number]} size
 * @param {boolean} goesOn
 */
export function linear(picture, onto, [width, height], goesOn) {
  const [xx, xy, x0, yx, yy, y0] = inverse(onto).map(fround), look = reader(picture, goesOn), made = plane(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    const [left, top] = [fround(xy * y + x0), fround(yy * y + y0)];
    for (let x = 0; x < width; x++) {
      const [u, v] = [fround(xx * x + left), fround(yx * x + top)], [column, row] = [Math.floor(u), Math.floor(v)];
      const [right, below] = [fround(u - column), fround(v - row)];
      const upper = between(look(column, row), look(column + 1, row), right);
      made.data[at++] = level(between(upper, between(look(column, row + 1), look(column + 1, row + 1), right), below));
    }
  }
  return made;
}

/**
 * @param {number} one
 * @param {number} other
 * @param {number} part
 */
const between = (one, other, part) => fround(part * fround(other - one) + one);

/**
 * @param {Plane} picture
 * @param {boolean} goesOn
 * @returns {(x: number, y: number) => number}
 */
function reader({ width, height, data }, goesOn) {
  if (goesOn) return (x, y) => data[Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)];
  return (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : data[y * width + x]);
}
