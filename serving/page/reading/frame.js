/** Ink without the frame around it: the box of a form, closed or open, apart from the digit or touching it. */

import { median, rounded } from "../vision/numbers.js";
import { bounds, corners, count, hasAny, plane } from "../vision/pixels.js";
import { hull, smallest } from "../vision/rectangle.js";
import { linear, nearest } from "../vision/warp.js";

/** @typedef {import("../vision/pixels.js").Plane} Plane */
/** @typedef {import("../vision/rectangle.js").Point} Point */
/** @typedef {import("../vision/warp.js").Affine} Affine */

/**
 * @typedef {object} Line along the top of a picture: rows, for each column
 * @property {number[]} first where it may begin at the earliest
 * @property {number[]} core where it ends in most columns; ink below belongs to something else
 * @property {number[]} last where it ends at the latest, with the grey of its edge
 *
 * @typedef {object} Side a picture seen with one of its sides at the top
 * @property {Uint8Array} data
 * @property {number} rows
 * @property {number} columns
 * @property {(row: number, column: number) => number} at the place of a pixel
 *
 * @typedef {object} Framed all ink in the smallest rectangle around it, turned upright
 * @property {Plane} upright
 * @property {Affine} onto a place in the picture to its place in here
 * @property {(Line | null)[]} lines along the top, the bottom, the left and the right
 */

/** Pixels below which a rectangle's sides cannot be told from strokes. */
const LEAST_SIDE = 22;
/** The part of a side that is drawn at least, for it to be one. */
const COVERED = 0.6;
const SIDES = 3, CORNERS = 2, CORNER = 10;
/** As a part of the side: two strokes that meet a line no further apart belong to one that lies on it. */
const NEAR = 0.4;

/**
 * Whether there is a frame that `insideFrame` would take away.
 *
 * @param {Plane} mask the part of a picture where its ink is
 * @param {Point} corner where that part lies
 */
export const hasFrame = (mask, corner) => framed(mask, corner) !== null;

/**
 * The picture inside of the frame whose sides bound all ink, turned upright, and where the frame was; null where there is
 * none.
 *
 * @param {Plane} strength
 * @param {Plane} mask
 * @returns {{strength: Plane, frame: Plane} | null}
 */
export function insideFrame(strength, mask) {
  const found = framed(mask, [0, 0]);
  if (!found) return null;
  const { upright, onto, lines } = found, { width, height } = upright;
  const [inner, frame] = [linear(strength, onto, [width, height], false), plane(width, height)];
  for (const [place, line] of lines.entries()) {
    if (line) take(line, sides(inner)[place], sides(frame)[place], sides(withoutOthers(upright, lines, place))[place]);
  }
  return { strength: inner, frame };
}

/**
 * The frame around all ink, if it has one: what most ink lacks, and is quick to tell, is asked first.
 *
 * @param {Plane} mask
 * @param {Point} corner
 * @returns {Framed | null}
 */
function framed(mask, corner) {
  const box = bounds(mask);
  if (Math.min(box.width, box.height) < LEAST_SIDE || count(mask) >= 0.6 * box.width * box.height) return null;
  const around = hull(mask).map(([x, y]) => /** @type {Point} */ ([x + corner[0], y + corner[1]]));
  let { centre, width, height, degrees } = smallest(around);
  if (Math.min(width, height) < LEAST_SIDE || reachedCorners(around, centre, [width, height], degrees) < CORNERS) return null;
  while (degrees > 45 || degrees <= -45) [width, height, degrees] = [height, width, degrees > 45 ? degrees - 90 : degrees + 90];
  const size = /** @type {Point} */ ([rounded(width) + 3, rounded(height) + 3]), onto = turned(centre, degrees, size, corner);
  const upright = nearest(mask, onto, size, false);
  if (corners(upright, CORNER).filter(hasAny).length < CORNERS) return null;
  /** @type {(Line | null)[]} */
  const lines = [];
  for (const side of sides(upright)) {
    lines.push(lineAlong(side));
    if (lines.filter((line) => !line).length > 4 - SIDES) return null;
  }
  return { upright, onto, lines };
}

/**
 * What turns a part of a picture, which lies at a corner, around a centre in the picture: to the middle of a size.
 *
 * @param {Point} centre
 * @param {number} degrees
 * @param {Point} size
 * @param {Point} corner
 * @returns {Affine}
 */
function turned([x, y], degrees, [width, height], [left, top]) {
  const angle = (degrees * Math.PI) / 180, [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const across = (1 - cosine) * x - sine * y + (width / 2 - x), down = sine * x + (1 - cosine) * y + (height / 2 - y);
  return [cosine, sine, across + cosine * left + sine * top, -sine, cosine, down - sine * left + cosine * top];
}

/**
 * How many corners of a rectangle its ink's hull comes so close to that there can be ink in them: in units of a corner's own
 * sides, that is at most two away from the tip along both sides together.
 *
 * @param {Point[]} around
 * @param {Point} centre
 * @param {Point} size
 * @param {number} degrees
 */
function reachedCorners(around, centre, size, degrees) {
  const [wide, high] = size.map((side) => Math.max(3, Math.floor((rounded(side) + 3) / CORNER)));
  const tip = size[0] / 2 / wide + size[1] / 2 / high - 2, angle = (degrees * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  let reached = 0;
  for (const down of [1 / high, -1 / high]) { // both ends of the one diagonal, and of the other
    const [across, below] = [cosine / wide - sine * down, sine / wide + cosine * down];
    const middle = across * centre[0] + below * centre[1], along = around.map(([x, y]) => across * x + below * y);
    reached += Number(Math.max(...along) - middle >= tip) + Number(middle - Math.min(...along) >= tip);
  }
  return reached;
}

/**
 * The ink without the lines along the other sides, which run on below this one at its ends.
 *
 * @param {Plane} mask
 * @param {(Line | null)[]} lines
 * @param {number} place
 */
function withoutOthers(mask, lines, place) {
  const bare = { ...mask, data: mask.data.slice() };
  for (const [other, side] of sides(bare).entries()) {
    const line = lines[other];
    if (!line || other === place) continue;
    const depth = Math.min(Math.trunc(median(line.last)), side.rows);
    for (let row = 0; row < depth; row++) {
      for (let column = 0; column < side.columns; column++) bare.data[side.at(row, column)] = 0;
    }
  }
  return bare;
}

/**
 * Take a line along the top away from the strength, and mark it; not where the digit lies on it, or is darker.
 *
 * @param {Line} line
 * @param {Side} strength changed
 * @param {Side} frame changed
 * @param {Side} bare the ink without the other lines
 */
function take(line, strength, frame, bare) {
  const isInk = (/** @type {number} */ row, /** @type {number} */ column) => bare.data[bare.at(row, column)] > 0;
  const isCrossed = crossed(line.core.map((core, column) => {
    const below = Math.min(core, bare.rows - 2);
    return isInk(below, column) && isInk(below + 1, column);
  }));
  const free = line.first.map((first, column) => {
    const rows = [];
    for (let row = first; row < Math.min(line.last[column], strength.rows); row++) rows.push(strength.at(row, column));
    return isCrossed[column] ? null : rows;
  }).filter((rows) => rows !== null);
  const level = free.length ? median(free.map((rows) => Math.max(0, ...rows.map((at) => strength.data[at])))) : 255;
  for (const at of free.flat()) {
    strength.data[at] = Math.trunc(Math.max(0, strength.data[at] - 1.2 * level));
    frame.data[at] = 255;
  }
}

/**
 * Where along a line the digit lies on it: where a stroke goes on inside, and between two such places that are near.
 *
 * @param {boolean[]} touches
 */
function crossed(touches) {
  const places = touches.flatMap((touch, at) => (touch ? [at] : [])), found = [...touches];
  for (const [at, one] of places.entries()) {
    const other = places[at + 1] ?? one;
    if (other - one <= NEAR * touches.length) found.fill(true, one, other);
  }
  return found;
}

/**
 * Four views of a picture, each with another of its sides at the top.
 *
 * @param {Plane} picture
 * @returns {Side[]}
 */
function sides({ width, height, data }) {
  return [
    { data, rows: height, columns: width, at: (row, column) => row * width + column },
    { data, rows: height, columns: width, at: (row, column) => (height - 1 - row) * width + column },
    { data, rows: width, columns: height, at: (row, column) => column * width + row },
    { data, rows: width, columns: height, at: (row, column) => column * width + width - 1 - row },
  ];
}

/**
 * The line along the top, or null where there is none. It may lean, as far as a line through its thirds does.
 *
 * @param {Side} mask
 * @returns {Line | null}
 */
function lineAlong({ data, rows, columns, at }) {
  const reach = Math.min(rows, Math.max(5, Math.floor(rows / 5)));
  const along = (/** @type {number} */ column) => Array.from({ length: reach }, (_, row) => data[at(row, column)] > 0);
  const ink = Array.from({ length: columns }, (_, column) => along(column));
  const outer = ink.map((column) => Math.max(0, column.indexOf(true)));
  const places = ink.flatMap((column, x) => (column.includes(true) ? [x] : []));
  if (places.length < COVERED * columns) return null;
  const third = Math.max(1, Math.floor(places.length / 3)), [left, right] = [places.slice(0, third), places.slice(-third)];
  const outerAt = (/** @type {number[]} */ some) => median(some.map((x) => outer[x]));
  const rise = (outerAt(right) - outerAt(left)) / Math.max(1, median(right) - median(left));
  const middle = median(places.map((x) => outer[x] - rise * x)), level = outer.map((_, x) => middle + rise * x);
  const near = Math.max(1.5, 0.02 * rows);
  const straight = places.filter((x) => Math.abs(outer[x] - level[x]) <= near);
  if (straight.length / columns < COVERED) return null;
  const thickness = Math.trunc(median(straight.map((x) => ink[x].filter(Boolean).length)));
  if (thickness >= reach - 1) return null;
  const first = level.map((one) => Math.max(0, Math.floor(one - near)));
  const core = level.map((one, x) => Math.max(Math.ceil(one) + thickness, first[x] + 1));
  return { first, core, last: core.map((row) => row + 2) };
}
