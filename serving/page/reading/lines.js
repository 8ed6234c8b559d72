/** Ink without the straight lines that cross it: rules, squares, the borders of a cell, the edge of a table. */

import { components } from "../vision/components.js";
import { closed, dilated, eroded } from "../vision/morphology.js";
import { rounded } from "../vision/numbers.js";
import { combined, difference, least, most, plane, transposed } from "../vision/pixels.js";
import { shrunk } from "../vision/resize.js";
import { above, parted } from "../vision/threshold.js";
import { linear, nearest } from "../vision/warp.js";

/** @typedef {import("../vision/pixels.js").Plane} Plane */
/** @typedef {{rest: Plane, taken: Plane, count: number}} Without what is left, where lines were, and how many */

/** As parts of a picture's width: what a line covers, the gaps in it that are bridged, how close to both sides it comes. */
const ACROSS = 0.9, GAP = 0.15, ENDS = 0.015;
/** A line is thick from this part of the picture's longer side. */
const THICK = 0.07;
/** How far lines may lean: rows per column, the level first; and how far from the nearest of these. */
const SLOPES = Array.from({ length: 15 }, (_, step) => (step - 7) / 50).sort((one, other) => Math.abs(one) - Math.abs(other));
const BETWEEN = 0.012;
const MOST = 3, GRID = 3, COARSE = 96;

/**
 * Take away what runs straight across the picture, from side to side or from top to bottom.
 *
 * @param {Plane} strength
 * @returns {{rest: Plane, taken: Plane}}
 */
export function withoutLines(strength) {
  const every = withoutBoth(strength, true), [along, across] = every.counts;
  const isSettled = (!along && !across) || (Math.min(along, across) >= 1 && along + across >= GRID);
  return isSettled ? every : withoutBoth(strength, false);
}

/**
 * @param {Plane} strength
 * @param {boolean} thick whether thick lines count
 */
function withoutBoth(strength, thick) {
  const flat = withoutRows(strength, thick), turned = withoutRows(transposed(strength), thick);
  const [rest, taken] = [least(flat.rest, transposed(turned.rest)), most(flat.taken, transposed(turned.taken))];
  return { rest, taken, counts: [flat.count, turned.count] };
}

/**
 * @param {Plane} strength
 * @param {boolean} thick
 * @returns {Without}
 */
function withoutRows(strength, thick) {
  let rest = strength, taken = plane(strength.width, strength.height), count = 0;
  for (let turn = 0; turn < MOST; turn++) {
    const slope = slopeOf(rest);
    if (slope === null) break;
    const { line, lines } = linesAt(rest, slope, thick);
    if (!lines) break;
    const mask = above(line, Math.floor(rest.data.reduce((one, other) => Math.max(one, other)) * 0.15));
    const bare = difference(rest, line), gap = lean(rest.width) + Math.max(2, Math.floor(rest.height / 25));
    rest = most(bare, least(closed(bare, 1, 2 * gap + 1), mask));
    [taken, count] = [most(taken, mask), count + lines];
  }
  return { rest, taken, count };
}

/**
 * The slope of a line that crosses the picture, in rows per column; null where no line does.
 *
 * @param {Plane} strength
 */
function slopeOf(strength) {
  const ink = parted(strength), scale = Math.min(1, COARSE / ink.width);
  const [width, height] = [ink.width, ink.height].map((side) => rounded(side * scale));
  const small = dilated(scale < 1 ? shrunk(ink, width, height, [1 / scale, 1 / scale]) : ink, 1, 3);
  let best = null, most = ACROSS - GAP;
  for (const slope of SLOPES) {
    const covered = fullest(sheared(small, slope, nearest));
    if (covered > most + 0.02) [best, most] = [slope, covered];
  }
  return best;
}

/**
 * The part of a row that has ink, of the row that has most.
 *
 * @param {Plane} mask
 */
function fullest({ width, height, data }) {
  let most = 0;
  for (let y = 0; y < height; y++) {
    let count = 0;
    for (let at = y * width; at < (y + 1) * width; at++) if (data[at]) count++;
    most = Math.max(most, count);
  }
  return most / width;
}

/**
 * How strong lines of a slope are everywhere, and how many they are.
 *
 * @param {Plane} strength
 * @param {number} slope
 * @param {boolean} thick
 */
function linesAt(strength, slope, thick) {
  const level = slope ? sheared(strength, slope, linear) : strength, { width } = level;
  // A line that leans a little is a straight one in a picture in which each pixel is its column's strongest nearby.
  const spread = closed(dilated(level, 1, 2 * lean(width) + 1), rounded(GAP * width) | 1, 1), row = rounded(ACROSS * width) | 1;
  const { line, lines } = counted(least(dilated(eroded(spread, row, 1, 0), row, 1), level), thick);
  return { line: slope ? least(sheared(line, -slope, linear), strength) : line, lines };
}

/** @param {number} width */
const lean = (width) => 1 + rounded(BETWEEN * width);

/**
 * Each column moved up by slope times its distance from the middle; beyond the picture its last row goes on.
 *
 * @param {Plane} picture
 * @param {number} slope
 * @param {typeof linear} warp
 */
const sheared = (picture, slope, warp) =>
  warp(picture, [1, 0, 0, -slope, 1, (slope * picture.width) / 2], [picture.width, picture.height], true);

/**
 * Lines and their number. A single thick one that is not the picture's edge is the bar of a digit that fills it.
 *
 * @param {Plane} line
 * @param {boolean} thick
 */
function counted(line, thick) {
  const { width, height } = line, { labels, pieces } = components(parted(line));
  const isLine = pieces.map(({ left, top, right, bottom, area }) => {
    const isThick = area > THICK * Math.max(height, width) * width && top > 0 && bottom < height;
    return (!isThick || thick) && left <= ENDS * width && right >= (1 - ENDS) * width;
  });
  const others = plane(width, height, Uint8Array.from(labels, (label) => Number(label > 0 && !isLine[label - 1])));
  const kept = combined(line, dilated(others, 1, 3), (value, gone) => (gone ? 0 : value));
  return { line: kept, lines: isLine.filter(Boolean).length };
}
