/**
 * The smallest rectangle around ink: cv2.minAreaRect of cv2.convexHull, to the last bit. It is in the middle between two
 * pixels as often as not, and which of them is meant then depends on that bit: on the 32 bits of its sums, and on where the
 * hull begins.
 */

import { components } from "./components.js";

/** @typedef {import("./pixels.js").Plane} Plane */
/** @typedef {[x: number, y: number]} Point */
/** @typedef {{centre: Point, width: number, height: number, degrees: number}} Rectangle */

const { fround } = Math;

/**
 * The corners of the convex hull (Andrew 1979) of all that is not 0, clockwise. Where one piece has them all, they begin after
 * its first pixel, else at the lowest of those furthest to the right.
 *
 * @param {Plane} mask
 * @returns {Point[]}
 */
export function hull(mask) {
  const { width, height, data } = mask;
  /** @type {Point[]} */
  const ends = [];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width), left = row.findIndex(Boolean);
    if (left >= 0) ends.push([left, y], [row.findLastIndex(Boolean), y]);
  }
  const corners = [...chain(ends), ...chain(ends.reverse())], { labels } = components(mask);
  const isOfOne = new Set(corners.map(([x, y]) => labels[y * width + x])).size === 1;
  const right = Math.max(...corners.map(([x]) => x)), lowest = Math.max(...corners.map(([x, y]) => (x === right ? y : -1)));
  const start = isOfOne ? 1 : corners.findIndex(([x, y]) => x === right && y === lowest);
  return [...corners.slice(start), ...corners.slice(0, start)];
}

/**
 * One side of the hull, without its last corner.
 *
 * @param {Point[]} points
 */
function chain(points) {
  /** @type {Point[]} */
  const found = [];
  for (const point of points) {
    while (found.length > 1 && turn(found[found.length - 2], found[found.length - 1], point) <= 0) found.pop();
    const last = found[found.length - 1];
    if (!last || last[0] !== point[0] || last[1] !== point[1]) found.push(point);
  }
  return found.slice(0, -1);
}

/**
 * @param {Point} from
 * @param {Point} over
 * @param {Point} to
 */
const turn = ([fx, fy], [ox, oy], [tx, ty]) => (ox - fx) * (ty - oy) - (oy - fy) * (tx - ox);

/**
 * The smallest rectangle around a hull, one side of it along the hull's, by calipers that turn around it (Toussaint 1983).
 *
 * @param {Point[]} corners clockwise, three at least
 * @returns {Rectangle}
 */
export function smallest(corners) {
  const count = corners.length, next = (/** @type {number} */ at) => corners[(at + 1) % count];
  const edges = corners.map(([x, y], at) => /** @type {Point} */ ([next(at)[0] - x, next(at)[1] - y]));
  // Where the calipers touch: the top, the right, the bottom, the left, as the picture lies.
  const touching = [first(corners, 1, -1), first(corners, 0, 1), first(corners, 1, 1), first(corners, 0, -1)];
  let best = null, least = Infinity;
  for (let step = 0; step < count; step++) {
    // Each one's next edge as if it were the first's; the one that the calipers reach first.
    const coming = touching.map((at, side) => quarters(edges[at], side));
    const side = coming.reduce((found, [x, y], at) => (coming[found][1] * x - coming[found][0] * y > 0 ? at : found), 0);
    const length = fround(1 / Math.hypot(...coming[side])), [a, b] = coming[side].map((value) => fround(value * length));
    touching[side] = (touching[side] + 1) % count;
    const [top, right, bottom, left] = touching.map((at) => corners[at]);
    const width = along([right[0] - left[0], right[1] - left[1]], a, b);
    const height = along([bottom[0] - top[0], bottom[1] - top[1]], -b, a);
    const area = fround(width * height);
    if (area <= least) [best, least] = [{ a, b, width, height, left, top }, area];
  }
  if (!best) throw new RangeError("a hull without corners");
  return rectangle(best);
}

/**
 * The first of those corners that lie furthest.
 *
 * @param {Point[]} corners
 * @param {0 | 1} axis
 * @param {1 | -1} sign
 */
function first(corners, axis, sign) {
  const values = corners.map((corner) => sign * corner[axis]);
  return values.indexOf(Math.max(...values));
}

/**
 * An edge turned back by so many quarters.
 *
 * @param {Point} edge
 * @param {number} side
 * @returns {Point}
 */
const quarters = ([x, y], side) => /** @type {Point[]} */ ([[x, y], [y, -x], [-x, -y], [-y, x]])[side];

/**
 * @param {Point} vector
 * @param {number} a
 * @param {number} b
 */
const along = ([x, y], a, b) => fround(fround(x * a) + fround(y * b));

/**
 * @param {{a: number, b: number, width: number, height: number, left: Point, top: Point}} found its direction and its size
 * @returns {Rectangle}
 */
function rectangle({ a, b, width, height, left, top }) {
  const [one, other] = [along(left, a, b), along(top, -b, a)], scale = fround(1 / fround(fround(a * a) + fround(b * b)));
  const corner = [along([one, other], a, -b), along([one, other], b, a)].map((value) => fround(value * scale));
  const wide = [fround(a * width), fround(b * width)], high = [fround(-b * height), fround(a * height)];
  const centre = corner.map((value, axis) => fround(value + fround(fround(wide[axis] + high[axis]) * 0.5)));
  const size = [wide, high].map(([x, y]) => fround(Math.sqrt(x * x + y * y)));
  const degrees = fround((Math.atan2(wide[1], wide[0]) * 180) / Math.PI);
  return { centre: /** @type {Point} */ (centre), width: size[0], height: size[1], degrees };
}
