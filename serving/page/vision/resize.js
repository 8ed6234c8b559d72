/** Other sizes, to the level as OpenCV computes them: its sums are of 32 bits, so these are too. */

import { continued } from "./blur.js";
import { level, rounded } from "./numbers.js";
import { plane } from "./pixels.js";

/** @typedef {import("./pixels.js").Pixels} Pixels */
/** @typedef {import("./pixels.js").Plane} Plane */
/** @typedef {{from: number, weights: Float32Array}} Cell the source pixels that make up one, and how much each counts */

const { fround } = Math;
/** A picture with a side shorter than this is made larger with weights that are rounded to such parts. */
const LEAST_SIDE = 4, PARTS = 2048;

/**
 * Each pixel as the mean of the area that it covers: cv2.INTER_AREA. Nothing becomes larger.
 *
 * @param {Pixels} picture
 * @param {number} width
 * @param {number} height
 * @param {[number, number]} [scale] source pixels per pixel, where the size was rounded from it
 * @returns {Pixels}
 */
export function shrunk(picture, width, height, scale) {
  if (width === picture.width && height === picture.height) return picture;
  const [across, down] = scale ?? [1 / (width / picture.width), 1 / (height / picture.height)];
  const [columns, rows] = [Math.round(across), Math.round(down)];
  const isWhole = Math.abs(across - columns) < Number.EPSILON && Math.abs(down - rows) < Number.EPSILON;
  return isWhole ? inBlocks(picture, width, height, columns, rows) : inCells(picture, width, height, across, down);
}

/**
 * @param {Pixels} picture
 * @param {number} width
 * @param {number} height
 * @param {number} columns of a block
 * @param {number} rows
 * @returns {Pixels}
 */
function inBlocks(picture, width, height, columns, rows) {
  const { channels, data } = picture;
  const made = new Uint8Array(width * height * channels);
  const isQuarter = columns === 2 && rows === 2;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [right, bottom] = [Math.min((x + 1) * columns, picture.width), Math.min((y + 1) * rows, picture.height)];
      const size = (right - x * columns) * (bottom - y * rows);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let v = y * rows; v < bottom; v++) {
          for (let u = x * columns; u < right; u++) sum += data[(v * picture.width + u) * channels + channel];
        }
        if (isQuarter && size === 4) made[to++] = (sum + 2) >> 2;
        else made[to++] = level(size === columns * rows ? fround(sum * fround(1 / size)) : fround(sum / size));
      }
    }
  }
  return { width, height, channels, data: made };
}

/**
 * @param {Pixels} picture
 * @param {number} width
 * @param {number} height
 * @param {number} across source pixels per pixel
 * @param {number} down
 * @returns {Pixels}
 */
function inCells(picture, width, height, across, down) {
  const { channels, data } = picture;
  const [columns, rows] = [cells(picture.width, width, across), cells(picture.height, height, down)];
  const made = new Uint8Array(width * height * channels), row = new Float32Array(width * channels);
  const sums = new Float32Array(width * channels);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (const [below, share] of rows[y].weights.entries()) {
      const start = (rows[y].from + below) * picture.width * channels;
      row.fill(0);
      for (let x = 0; x < width; x++) {
        const { from, weights } = columns[x];
        for (let beside = 0; beside < weights.length; beside++) {
          for (let channel = 0; channel < channels; channel++) {
            row[x * channels + channel] += fround(data[start + (from + beside) * channels + channel] * weights[beside]);
          }
        }
      }
      for (let at = 0; at < row.length; at++) sums[at] += fround(row[at] * share);
    }
    for (let at = 0; at < row.length; at++) made[y * row.length + at] = level(sums[at]);
  }
  return { width, height, channels, data: made };
}

/**
 * @param {number} length of the source
 * @param {number} count of cells
 * @param {number} scale
 * @returns {Cell[]}
 */
function cells(length, count, scale) {
  return Array.from({ length: count }, (_, place) => {
    const start = place * scale, end = start + scale, size = Math.min(scale, length - start);
    const last = Math.min(Math.floor(end), length - 1), first = Math.min(Math.ceil(start), last);
    const weights = new Array(last - first).fill(1 / size);
    if (end - last > 1e-3) weights.push(Math.min(end - last, 1, size) / size);
    const isCut = first - start > 1e-3;
    if (isCut) weights.unshift((first - start) / size);
    return { from: isCut ? first - 1 : first, weights: Float32Array.from(weights) };
  });
}

/**
 * Each pixel from the sixteen around it, by a cubic curve (Keys 1981, with -0.75): cv2.INTER_CUBIC.
 *
 * @param {Plane} picture
 * @param {number} width
 * @param {number} height
 * @returns {Plane}
 */
export function enlarged(picture, width, height) {
  if (width === picture.width && height === picture.height) return picture;
  const parts = Math.min(picture.width, picture.height) < LEAST_SIDE ? PARTS : null;
  const [columns, rows] = [curves(picture.width, width, parts), curves(picture.height, height, parts)];
  const sums = new Float64Array(width * picture.height);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) {
      for (const [at, weight] of columns[x]) sums[y * width + x] += picture.data[y * picture.width + at] * weight;
    }
  }
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [at, weight] of rows[y]) sum += sums[at * width + x] * weight;
      data[y * width + x] = Math.min(255, Math.max(0, Math.floor(sum + 0.5)));
    }
  }
  return plane(width, height, data);
}

/**
 * @param {number} length of the source
 * @param {number} count
 * @param {number | null} parts that weights are rounded to
 * @returns {[place: number, weight: number][][]} four for each
 */
function curves(length, count, parts) {
  const scale = 1 / (count / length);
  return Array.from({ length: count }, (_, place) => {
    const middle = (place + 0.5) * scale - 0.5, first = Math.floor(middle), part = middle - first;
    const three = [outer(part), inner(part), inner(1 - part)];
    return [...three, 1 - three[0] - three[1] - three[2]].map((weight, at) => {
      return [continued(first - 1 + at, length), parts ? rounded(weight * parts) / parts : weight];
    });
  });
}

/** @param {number} x distance to a near pixel, 0 to 1 */
const inner = (x) => (1.25 * x - 2.25) * x * x + 1;

/** @param {number} x distance to a far pixel, less 1 */
const outer = (x) => ((-0.75 * (x + 1) + 3.75) * (x + 1) - 6) * (x + 1) + 3;
