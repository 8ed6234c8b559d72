/** Pieces that hang together, over corners too. */

/** @typedef {import("./pixels.js").Plane} Plane */

/**
 * @typedef {object} Piece
 * @property {number} left
 * @property {number} top
 * @property {number} right excluded
 * @property {number} bottom
 * @property {number} area in pixels
 * @property {number} x of its centre
 * @property {number} y
 */

/**
 * The pieces of all that is not 0, and of each pixel 0 or its piece's place in the list plus one. Their order is OpenCV's, of
 * the blocks of 2x2 pixels that they begin in.
 *
 * @param {Plane} mask
 * @returns {{labels: Int32Array, pieces: Piece[]}}
 */
export function components({ width, height, data }) {
  const labels = new Int32Array(data.length), waiting = new Int32Array(data.length);
  /** @type {Piece[]} */
  const pieces = [];
  for (const start of byBlocks(width, height)) {
    if (!data[start] || labels[start]) continue;
    let [left, top, right, bottom, across, down, size] = [width, height, 0, 0, 0, 0, 0];
    const label = pieces.length + 1;
    labels[start] = label;
    waiting[0] = start;
    for (let length = 1; length; ) {
      const at = waiting[--length], y = Math.floor(at / width), x = at - y * width;
      size++;
      across += x;
      down += y;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (!data[next] || labels[next]) continue;
          labels[next] = label;
          waiting[length++] = next;
        }
      }
    }
    pieces.push({ left, top, right: right + 1, bottom: bottom + 1, area: size, x: across / size, y: down / size });
  }
  return { labels, pieces };
}

/**
 * The places of all pixels, block by block.
 *
 * @param {number} width
 * @param {number} height
 */
function* byBlocks(width, height) {
  for (let top = 0; top < height; top += 2) {
    for (let left = 0; left < width; left += 2) {
      for (let y = top; y < Math.min(top + 2, height); y++) {
        for (let x = left; x < Math.min(left + 2, width); x++) yield y * width + x;
      }
    }
  }
}
