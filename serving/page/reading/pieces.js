/** Pieces of ink: which of them are the digit, and which are specks, neighbours, the edge of something else. */

import { components } from "../vision/components.js";
import { distances } from "../vision/distance.js";
import { dilated } from "../vision/morphology.js";
import { place } from "../vision/numbers.js";
import { count, difference } from "../vision/pixels.js";
import { above, histogram, otsu } from "../vision/threshold.js";

/** @typedef {import("../vision/pixels.js").Plane} Plane */
/** @typedef {import("../vision/components.js").Piece} Piece */
/** @typedef {{width: number, height: number, left: number, top: number}} Place of a part: the whole's size, and where it lies */
/** @typedef {{labels: Int32Array, pieces: Piece[]}} Pieces places of pieces are those in the whole */

/** Nearer than this part of the main piece's size is a part of it, if it has this part of its ink. */
const NEAR = 0.2, PART = 0.02;
/** This part of the main one's height is another digit or shape. */
const PEER = 0.3;
const UNEVEN = 0.2, PALER = 0.75, BROADER = 1.25;
/** A picture this many pixels long has gaps of two pixels bridged, one twice as long of four. */
const BRIDGED = 90;

/**
 * Ink and paper, at Otsu's threshold: the mask, the paper's mean and deviation, how far the ink's mean is from it, and
 * whether the ink is evenly strong.
 *
 * @param {Plane} strength
 * @param {number} beyond pixels of paper, of strength 0, that belong to the picture and are not in it
 */
export function partedInk(strength, beyond) {
  const counts = histogram(strength.data), limit = beyond ? farApart(counts, beyond) : otsu(strength.data);
  counts[0] += beyond;
  const paper = sums(counts, 0, limit), ink = sums(counts, limit + 1, 255);
  const { mean: level, spread } = statistics(paper), { mean, spread: unevenness } = statistics(ink);
  return { mask: above(strength, limit), level, spread, difference: mean - level, isEven: unevenness < UNEVEN * mean };
}

/**
 * Otsu's threshold by sums of whole numbers; of equals the first.
 *
 * @param {Float64Array} counts of each level
 * @param {number} beyond more of level 0
 */
function farApart(counts, beyond) {
  const all = sums(counts, 0, 255), every = all.count + beyond;
  let [below, total] = [beyond, 0];
  return place(Array.from(counts, (number, at) => {
    [below, total] = [below + number, total + number * at];
    return (total * every - below * all.total) ** 2 / Math.max(below * (every - below), 1);
  }));
}

/**
 * @param {Float64Array} counts of each level
 * @param {number} from
 * @param {number} to included
 */
function sums(counts, from, to) {
  const found = { count: 0, total: 0, squares: 0 };
  for (let at = from; at <= to; at++) {
    found.count += counts[at];
    found.total += counts[at] * at;
    found.squares += counts[at] * at * at;
  }
  return found;
}

/** @param {{count: number, total: number, squares: number}} sums */
function statistics({ count: number, total, squares }) {
  const mean = total / Math.max(1, number);
  return { mean, spread: Math.sqrt(Math.max(0, squares / Math.max(1, number) - mean * mean)) };
}

/**
 * The mean strength where a mask is, or where it is not.
 *
 * @param {Plane} strength
 * @param {Plane} mask
 * @param {boolean} [inside]
 */
export function meanWhere({ data }, mask, inside = true) {
  let [number, total] = [0, 0];
  for (let at = 0; at < data.length; at++) {
    if (Boolean(mask.data[at]) === inside) [number, total] = [number + 1, total + data[at]];
  }
  return number ? total / number : 0;
}

/**
 * The ink without what lies broad and paler below it, such as a shadow too narrow to be taken for paper: Otsu's threshold
 * again, within the ink.
 *
 * @param {Plane} strength
 * @param {Plane} mask
 */
export function stronger(strength, mask) {
  const values = strength.data.filter((_, at) => mask.data[at]);
  const { mean, spread } = statistics(sums(histogram(values), 0, 255));
  if (spread < UNEVEN * mean) return mask;
  const high = above(strength, otsu(values)), low = difference(mask, high);
  if (count(low) < 0.1 * values.length || breadth(low) < BROADER * breadth(high)) return mask;
  return meanWhere(strength, low) > PALER * meanWhere(strength, high) ? mask : high;
}

/**
 * The radius of the largest circle in a mask.
 *
 * @param {Plane} mask
 */
const breadth = (mask) => distances(mask).reduce((one, other) => Math.max(one, other), 0);

/**
 * How far strokes reach over gaps.
 *
 * @param {number} longer side of the picture
 */
export const reachOf = (longer) => Math.floor(longer / BRIDGED);

/**
 * The pieces of a mask, connected over corners, and in a large picture over the gaps of a faint stroke.
 *
 * @param {Plane} mask
 * @param {Place} [where] it lies
 * @returns {Pieces}
 */
export function piecesOf(mask, { width, height, left, top } = { ...mask, left: 0, top: 0 }) {
  const reach = reachOf(Math.max(width, height)), { labels, pieces } = components(reach ? dilated(mask, 2 * reach + 1) : mask);
  for (const piece of pieces) for (const key of /** @type {const} */ (["left", "right", "x"])) piece[key] += left;
  for (const piece of pieces) for (const key of /** @type {const} */ (["top", "bottom", "y"])) piece[key] += top;
  return { labels, pieces };
}

/**
 * Which of the pieces are the digit, one at least, and the first of them in the pieces' order. The main piece has much ink
 * near the middle, is not cut by the picture's edge and no mere corner of something larger.
 *
 * @param {Pieces} found one at least
 * @param {Plane | null} lines where lines or a frame were taken away
 * @param {{width: number, height: number}} whole
 */
export function choose({ labels, pieces }, lines, whole) {
  const touching = touched(labels, lines);
  const shapes = pieces.map((piece, at) => shapeOf(piece, touching.has(at + 1), whole));
  const at = place(shapes.map(({ worth }) => worth)), main = shapes[at];
  const wanted = shapes.map((one) => one === main || ((isPart(one, main) || isPeer(one, main)) && !isForeign(one, main)));
  return { first: pieces[wanted.indexOf(true)], wanted };
}

/** @typedef {ReturnType<typeof shapeOf>} Shape */

/**
 * @param {Piece} piece
 * @param {boolean} isBeside whether it touches what was taken away
 * @param {{width: number, height: number}} whole
 */
function shapeOf(piece, isBeside, whole) {
  const { left, top, right, bottom, area } = piece, [wide, high] = [right - left, bottom - top];
  const [long, short] = [Math.max(wide, high), Math.min(wide, high)], filled = area / (wide * high);
  const isCut = left <= 0 || top <= 0 || right >= whole.width || bottom >= whole.height;
  const isDisc = filled > 0.65 && long <= 2.6 * short && short > 3; // as full as a punched hole, or two of them
  const isRound = Math.abs(filled - Math.PI / 4) < 0.09 && long <= 1.25 * short && short > 3; // as no part of a digit is
  const away = Math.hypot(piece.x / whole.width - 0.5, piece.y / whole.height - 0.5);
  const isUnlikely = isCut || isDisc || isBeside || wide > 4 * high;
  const worth = Math.sqrt(area) * long * Math.exp(-((away / 0.35) ** 2)) * Math.min(filled / 0.25, 1) * (isUnlikely ? 0.25 : 1);
  return { ...piece, wide, high, long, filled, isCut, isDisc, isRound, isBeside, worth };
}

/**
 * Whether a piece is near the main one: the flag of a 5, a broken stroke.
 *
 * @param {Shape} one
 * @param {Shape} main
 */
function isPart(one, main) {
  const apart = Math.max(one.left - main.right, one.top - main.bottom, main.left - one.right, main.top - one.bottom);
  return one.area >= PART * main.area && apart <= NEAR * main.long && !one.isRound;
}

/**
 * @param {Shape} one
 * @param {Shape} main
 */
const isPeer = (one, main) => one.long >= PEER * main.long && one.area >= 0.15 * main.area && !one.isDisc;

/**
 * @param {Shape} one
 * @param {Shape} main
 */
function isForeign(one, main) {
  if (isBar(one, main) || (one.filled < 0.3 && one.long > 1.15 * main.long)) return true;
  return (one.isCut && !main.isCut) || (one.isBeside && !main.isBeside);
}

/**
 * Whether a piece is straight, thin and longer than the main one, or lies: what is left of a line or a box.
 *
 * @param {Shape} one
 * @param {Shape} main
 */
function isBar({ wide, high, top }, main) {
  if (wide > 4 * high && (wide > 0.5 * main.long || top >= main.bottom)) return true;
  return high > 5 * wide && high > 1.15 * main.high;
}

/**
 * The labels of the pieces that touch what was taken away.
 *
 * @param {Int32Array} labels
 * @param {Plane | null} lines
 */
function touched(labels, lines) {
  if (!lines) return new Set();
  const near = dilated(lines, 5).data;
  return new Set(labels.filter((_, at) => near[at]));
}
