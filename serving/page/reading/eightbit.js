/** Decoded values to eight bits a channel: needless colour dropped, transparency laid on paper, deep grey brought down. */

import { level, mean, rounded } from "../vision/numbers.js";
import { combined, inverted, plane } from "../vision/pixels.js";

/** @typedef {import("../vision/pixels.js").Pixels} Pixels */
/** @typedef {import("../vision/pixels.js").Plane} Plane */

/** Grey levels of standard deviation above which what is opaque shows something itself. */
const LEAST_CONTRAST = 8;
const PART = Math.fround(1 / 255);

/**
 * A picture of any channels as one of one channel or, where there is colour, of three; what is transparent is laid on paper.
 *
 * @param {Pixels} pixels grey, grey and alpha, RGB, or RGB and alpha
 */
export function withNeededChannels(pixels) {
  if (pixels.channels === 1) return pixels;
  const planes = planesOf(pixels), alpha = pixels.channels % 2 ? null : /** @type {Plane} */ (planes.pop());
  if (!alpha || alpha.data.every((value) => value === 255)) return merged(planes);
  const ink = areEqual(planes) ? planes.slice(0, 1) : planes;
  const part = (/** @type {number} */ value, /** @type {number} */ share) => level(Math.fround(Math.fround(PART * value) * share));
  return laid(ink.map((one) => combined(one, alpha, part)), alpha);
}

/**
 * Grey or RGB multiplied by the alpha that follows, laid on paper.
 *
 * @param {Pixels} premultiplied
 */
export function onPaper(premultiplied) {
  const planes = planesOf(premultiplied), alpha = /** @type {Plane} */ (planes.pop());
  return laid(planes, alpha);
}

/**
 * Lay a transparent picture on white paper, or on black where what can be seen of it is light. A drawing may be in the alpha
 * alone.
 *
 * @param {Plane[]} ink one plane or three, multiplied by the alpha
 * @param {Plane} alpha
 */
function laid(ink, alpha) {
  const meanAlpha = mean(alpha.data), isLight = mean(ink.map(({ data }) => mean(data))) > meanAlpha / 2;
  // A sheet with a drawing on it whose corners or shadows are transparent goes on as it is; a drawing contrasts.
  const isSheet = meanAlpha > 127.5 && hasContrast(ink, alpha);
  if (isLight !== isSheet) return merged(ink);
  const clear = inverted(alpha);
  return merged(ink.map((one) => combined(one, clear, (value, more) => Math.min(255, value + more))));
}

/**
 * @param {Plane[]} ink
 * @param {Plane} alpha
 */
function hasContrast(ink, alpha) {
  return ink.some(({ data }) => {
    const values = data.filter((_, at) => alpha.data[at] === 255);
    if (!values.length) return false;
    const middle = mean(values), squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    return Math.sqrt(squares / values.length) > LEAST_CONTRAST;
  });
}

/**
 * @param {Pixels} pixels
 * @returns {Plane[]}
 */
function planesOf({ width, height, channels, data }) {
  return Array.from({ length: channels }, (_, channel) => {
    const one = plane(width, height);
    for (let at = 0; at < one.data.length; at++) one.data[at] = data[at * channels + channel];
    return one;
  });
}

/**
 * @param {Plane[]} planes one or three
 * @returns {Pixels}
 */
function merged(planes) {
  const [first] = planes;
  if (areEqual(planes)) return first;
  const data = new Uint8Array(first.data.length * planes.length);
  for (const [channel, one] of planes.entries()) one.data.forEach((value, at) => (data[at * planes.length + channel] = value));
  return { ...first, channels: planes.length, data };
}

/** @param {Plane[]} planes */
const areEqual = ([first, ...others]) => others.every(({ data }) => data.every((value, at) => value === first.data[at]));

/**
 * Deep grey to eight bits, from the least of 8, 10, 12, 14 and 16 that holds it.
 *
 * @param {number} width
 * @param {number} height
 * @param {Uint16Array} values
 */
export function fromDeep(width, height, values) {
  const most = values.reduce((one, other) => Math.max(one, other), 0);
  const full = [8, 10, 12, 14, 16].map((bits) => 2 ** bits - 1).find((one) => most <= one) ?? most;
  const part = Math.fround(255 / full);
  return plane(width, height, Uint8Array.from(values, (value) => rounded(Math.fround(value * part))));
}
