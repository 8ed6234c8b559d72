/** Grey pixels to ink on even paper: which of the two is the ink, and how strong it is everywhere. */

import { detail, mirrored, smoothed } from "../vision/blur.js";
import { distances } from "../vision/distance.js";
import { closed, eroded } from "../vision/morphology.js";
import { level, mean, rounded } from "../vision/numbers.js";
import { border, bounds, combined, corners, count, cropped, hasAny, inverted, mapped, plane } from "../vision/pixels.js";
import { parted } from "../vision/threshold.js";
import { scaled } from "./place.js";

/** @typedef {import("../vision/pixels.js").Pixels} Pixels */
/** @typedef {import("../vision/pixels.js").Plane} Plane */
/** @typedef {"dark" | "light"} Polarity which of the two is the ink */
/** @typedef {{strength: Plane, polarity: Polarity, left: number, top: number}} OnPaper ink, 255 the blackest, and where it lies */

const WORKING_SIDE = 512, COARSE_SIDE = 64, NOISY_SIDE = 100;
/** No stroke is wider than this part of a picture's longer side, but of a pen that fills the picture. */
const STROKE = 0.3, THICKEST = 0.46, FILLED = 0.55;
const DARKEST_PAPER = 64;
/** The parts of a picture and of its border that leave no doubt of what is paper. */
const MOST = 0.7, ALL = 0.98;
const TAIL = 6.7, ROOM = 2.6, AROUND = 9.9, SHARE = 18.7;
const CORNER = 12, HALF = 127, LIGHT_CORNERS = 3;

/** @param {Pixels} pixels */
export const shrink = (pixels) => (Math.max(pixels.width, pixels.height) <= WORKING_SIDE ? pixels : scaled(pixels, WORKING_SIDE));

/**
 * What `polarity` and `flatten` make of a whole picture.
 *
 * @param {Plane} grey
 * @returns {OnPaper}
 */
export function onAnyPaper(grey) {
  const [ink, isFilled] = polarity(grey), longer = Math.max(grey.width, grey.height);
  const lit = litAs(grey, ink, longer), paper = closed(lit, closingSide(isFilled ? THICKEST : STROKE, longer));
  return { strength: combined(lit, paper, shareOfLight), polarity: ink, left: 0, top: 0 };
}

/**
 * Which of the two is the ink; and whether a very thick pen fills the picture but for its corners.
 *
 * @param {Plane} pixels
 * @returns {[Polarity, boolean]}
 */
function polarity(pixels) {
  const small = Math.max(pixels.width, pixels.height) <= COARSE_SIDE ? pixels : scaled(pixels, COARSE_SIDE);
  const light = parted(small), share = count(light) / light.data.length, around = mean(border(light)) / 255;
  if (share > MOST && around > ALL) return ["dark", false];
  if (share < 1 - MOST && around < 1 - ALL) return ["light", false];
  if (corners(light, CORNER).filter(({ data }) => mean(data) > HALF).length >= LIGHT_CORNERS) return ["dark", share <= FILLED];
  return [doubt(small, light, share, around) >= 0 ? "dark" : "light", false];
}

/**
 * What four witnesses say together: positive for dark ink. serving/reading/paper.py tells who they are.
 *
 * @param {Plane} small
 * @param {Plane} light
 * @param {number} share
 * @param {number} around
 */
function doubt(small, light, share, around) {
  const side = Math.max(3, Math.floor(Math.max(small.width, small.height) / 2)) | 1;
  const values = detail(small, side, mirrored), weights = middle(small);
  return -TAIL * tail(values, weights) + ROOM * room(light, weights) + AROUND * (around - 0.5) - SHARE * (share - 0.5);
}

/**
 * The weighted third moment, in standard deviations: negative where a few pixels are much darker than the rest.
 *
 * @param {Float32Array} values
 * @param {Float32Array} weights
 */
function tail(values, weights) {
  let [spread, third, all] = [0, 0, 0];
  for (let at = 0; at < values.length; at++) {
    const square = values[at] ** 2 * weights[at];
    [spread, third, all] = [spread + square, third + square * values[at], all + weights[at]];
  }
  return (third * Math.sqrt(all)) / (spread ** 1.5 + 1e-6);
}

/**
 * How much more room the light has than the dark.
 *
 * @param {Plane} light
 * @param {Float32Array} weights
 */
function room(light, weights) {
  const [inside, outside] = [light, inverted(light)].map((part) =>
    distances(part).reduce((sum, far, at) => sum + Math.min(far, 100) ** 2 * weights[at], 0));
  return Math.min(Math.max(Math.log((inside + 1) / (outside + 1)), -2), 2);
}

/**
 * Weights of a picture's pixels: the digit is more often in the middle, a table at the edge.
 *
 * @param {Plane} picture
 */
function middle({ width, height }) {
  const [columns, rows] = [width, height].map((side) =>
    Array.from({ length: side }, (_, at) => Math.exp(-((((at + 0.5) / side - 0.5) / 0.25) ** 2))));
  return Float32Array.from(rows.flatMap((row) => columns.map((column) => 0.05 + row * column)));
}

/**
 * The picture, or a part of it, with dark ink and less noise.
 *
 * @param {Plane} pixels
 * @param {Polarity} ink
 * @param {number} longer side of the whole picture
 */
function litAs(pixels, ink, longer) {
  const lit = ink === "dark" ? pixels : inverted(pixels);
  return longer > NOISY_SIDE ? smoothed(lit) : lit;
}

/**
 * The side of the square that is wider than any stroke.
 *
 * @param {number} stroke as a part of the longer side
 * @param {number} longer
 */
const closingSide = (stroke, longer) => Math.max(3, rounded(stroke * longer)) | 1;

/**
 * @param {number} lit
 * @param {number} paper
 */
const shareOfLight = (lit, paper) => level(Math.fround((255 * Math.max(0, paper - lit)) / Math.max(paper, DARKEST_PAPER)));

/**
 * What `onAnyPaper` makes of a drawing on paper of one level, in a fraction of the time; null of others.
 *
 * @param {Plane} pixels
 * @param {number} margin pixels of paper that are wanted around the ink, at least two
 * @returns {OnPaper | null}
 */
export function onCleanPaper(pixels, margin) {
  const { width, height, data } = pixels, paper = data[0], longer = Math.max(width, height);
  if ([width - 1, data.length - width, data.length - 1].some((corner) => data[corner] !== paper)) return null;
  const ink = bounds(mapped(pixels, (value) => Number(value !== paper)));
  if (!ink.width) return { strength: plane(width, height), polarity: paper > HALF ? "dark" : "light", left: 0, top: 0 };
  if (Math.min(ink.left, ink.top) < 2 || ink.left + ink.width > width - 2 || ink.top + ink.height > height - 2) return null;
  // At even places, so that what is sampled halfway between two pixels is rounded as in the whole picture.
  const [left, top] = [Math.max(ink.left - margin, 0) & -2, Math.max(ink.top - margin, 0) & -2];
  const [right, bottom] = [ink.left + ink.width + margin, ink.top + ink.height + margin];
  const part = cropped(pixels, { left, top, width: right - left, height: bottom - top });
  const [isDark, isLight] = [part.data.some((value) => value < paper), part.data.some((value) => value > paper)];
  if (isDark && isLight) return null;
  const polarity = isLight ? "light" : "dark", full = isLight ? 255 - paper : paper;
  const strength = mapped(litAs(part, polarity, longer), (value) => shareOfLight(Math.min(value, full), full));
  const covered = count(strength), side = closingSide(STROKE, longer);
  const mayBeSheet = isLight && covered >= (1 - MOST) * data.length;
  const isWide = covered >= side * side && mayHold(strength, side);
  return mayBeSheet || isWide ? null : { strength, polarity, left, top };
}

/**
 * Whether a square of ink may lie in a picture; looked at in every few pixels, four at least across it.
 *
 * @param {Plane} strength
 * @param {number} side
 */
function mayHold(strength, side) {
  const step = Math.max(1, Math.floor(side / 4)), across = Math.floor(side / step);
  const few = plane(Math.ceil(strength.width / step), Math.ceil(strength.height / step));
  for (let y = 0, at = 0; y < strength.height; y += step) {
    for (let x = 0; x < strength.width; x += step) few.data[at++] = strength.data[y * strength.width + x];
  }
  return hasAny(eroded(few, across, across, 0));
}
