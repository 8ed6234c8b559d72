/** How far it is. */

/** @typedef {import("./pixels.js").Plane} Plane */

/** In pixels, to a neighbour beside and aslant (Borgefors 1986). */
const BESIDE = Math.fround(0.955), ASLANT = Math.fround(1.3693);
/** So far that nothing is further. */
const NOWHERE = 2 ** 20;

/**
 * From each pixel that is not 0 to the nearest that is, by steps to the eight neighbours: cv2.DIST_L2, mask 3. Beyond the
 * picture there is nothing to reach.
 *
 * @param {Plane} one
 */
export function distances({ width, height, data }) {
  const row = width + 2, far = new Float32Array(row * (height + 2)).fill(NOWHERE);
  const reach = (/** @type {number} */ at, /** @type {number} */ side) => {
    far[at] = Math.min(far[at], far[at + side] + BESIDE, far[at + side * row] + BESIDE);
    far[at] = Math.min(far[at], far[at + side * (row - 1)] + ASLANT, far[at + side * (row + 1)] + ASLANT);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * row + 1; x < width; x++, at++) {
      if (data[y * width + x]) reach(at, -1);
      else far[at] = 0;
    }
  }
  for (let y = height; y > 0; y--) for (let at = y * row + width; at > y * row; at--) if (far[at]) reach(at, 1);
  const found = new Float32Array(data.length);
  for (let y = 0; y < height; y++) found.set(far.subarray((y + 1) * row + 1, (y + 1) * row + 1 + width), y * width);
  return found;
}
