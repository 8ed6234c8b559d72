/** Pixels to the ink of one digit: the steps in their order, each skipped where there is nothing for it to do. */

import { dilated } from "../vision/morphology.js";
import { bounds, combined, cropped, hasAny, plane } from "../vision/pixels.js";
import { parted } from "../vision/threshold.js";
import { hasFrame, insideFrame } from "./frame.js";
import { contrast } from "./grey.js";
import { withoutLines } from "./lines.js";
import { onAnyPaper, onCleanPaper, shrink } from "./paper.js";
import { choose, meanWhere, partedInk, piecesOf, reachOf, stronger } from "./pieces.js";

/** @typedef {import("../vision/pixels.js").Pixels} Pixels */
/** @typedef {import("../vision/pixels.js").Plane} Plane */
/** @typedef {import("./pieces.js").Pieces} Pieces */

/**
 * @typedef {object} Sheet ink on even paper, or the part of it where the ink is, and what was taken away of it
 * @property {Plane} strength 0 paper
 * @property {Plane} mask 255 where ink is
 * @property {{width: number, height: number, left: number, top: number}} where the part lies in the whole, and its size
 * @property {number} level the mean strength of all the paper
 * @property {number | null} difference how far all of the ink is from it; null where that is no longer known
 * @property {boolean} isEven whether the ink is evenly strong, for sure
 * @property {Plane | null} taken 255 where lines or a frame were
 *
 * @typedef {{ink: Plane, mask: Plane, isClutter: boolean}} Found
 */

/** Between ink and paper, of the 255 that black has on white; and in standard deviations of the paper. */
const LEAST_CONTRAST = 14, LEAST_CLEARNESS = 3.2;
/** More pieces of some size, a part of the largest one's area, are noise or a page of text. */
const MOST_PIECES = 30, SOME_SIZE = 0.02;
/** Pixels from which on a shadow can be told from the grey edge of a stroke; what is left without it is at least so long. */
const LEAST_SIDE = 40, LEAST_PART = 0.12;
/** What is in a frame is at least this part of it, or the frame is the figure. */
const LEAST_INSIDE = 0.25;
/** Ink in a box that is a smaller part of a sheet of more pixels is looked at alone. */
const WORTH_CUTTING = 64 * 64, SMALL_PART = 0.6;

/**
 * Find the digit in a picture; null where there is no ink.
 *
 * @param {Pixels} pixels of one channel or three
 * @returns {Found | null}
 */
export function findInk(pixels) {
  const grey = contrast(shrink(pixels)), { width, height } = grey, longer = Math.max(width, height), size = width * height;
  const margin = size > WORTH_CUTTING ? reachOf(longer) + 2 : longer;
  const { strength, left, top } = onCleanPaper(grey, margin) ?? onAnyPaper(grey);
  const { spread, ...ink } = partedInk(strength, size - strength.data.length);
  if (ink.difference <= LEAST_CLEARNESS * spread) return null; // ink and paper are but the two halves of the paper's noise
  const whole = { strength, where: { width, height, left, top }, taken: null, ...ink };
  const sheet = withoutFrame(withoutRules(whole));
  if (sheet.taken && !hasAny(sheet.mask)) return null;
  return digitOn(withoutShadow(cut(sheet)));
}

/** @param {Sheet} sheet */
const isPart = ({ mask, where }) => mask.data.length < where.width * where.height;

/**
 * What runs across the picture touches its border; where no ink does, nothing runs across.
 *
 * @param {Sheet} sheet
 * @returns {Sheet}
 */
function withoutRules(sheet) {
  const { mask, strength } = sheet, ink = bounds(mask);
  if (isPart(sheet)) return sheet;
  if (ink.left > 0 && ink.top > 0 && ink.left + ink.width < mask.width && ink.top + ink.height < mask.height) return sheet;
  const { rest, taken } = withoutLines(strength);
  return hasAny(taken) ? changed(rest, parted(rest), taken) : sheet;
}

/**
 * @param {Sheet} sheet
 * @returns {Sheet}
 */
function withoutFrame(sheet) {
  if (!hasFrame(sheet.mask, [sheet.where.left, sheet.where.top])) return sheet;
  const inside = insideFrame(uncut(sheet.strength, sheet), uncut(sheet.mask, sheet));
  if (!inside) return sheet;
  const mask = parted(inside.strength), least = LEAST_INSIDE * Math.max(mask.width, mask.height);
  const isFigure = piecesOf(mask).pieces.every(({ left, top, right, bottom }) => Math.max(right - left, bottom - top) < least);
  return isFigure ? sheet : changed(inside.strength, mask, inside.frame);
}

/**
 * A sheet of which something was taken away.
 *
 * @param {Plane} strength
 * @param {Plane} mask
 * @param {Plane} taken
 * @returns {Sheet}
 */
function changed(strength, mask, taken) {
  const where = { width: mask.width, height: mask.height, left: 0, top: 0 };
  return { strength, mask, where, level: meanWhere(strength, mask, false), difference: null, isEven: false, taken };
}

/**
 * A part of a sheet as the whole, with 0 where it was cut off.
 *
 * @param {Plane} part
 * @param {Sheet} sheet
 */
function uncut(part, { where }) {
  const whole = plane(where.width, where.height);
  for (let y = 0; y < part.height; y++) {
    whole.data.set(part.data.subarray(y * part.width, (y + 1) * part.width), (where.top + y) * where.width + where.left);
  }
  return whole;
}

/**
 * The part of a sheet where the ink is, where that is a small part.
 *
 * @param {Sheet} sheet
 * @returns {Sheet}
 */
function cut(sheet) {
  const { mask, where } = sheet, ink = bounds(mask);
  if (isPart(sheet) || mask.data.length < WORTH_CUTTING || ink.width * ink.height > SMALL_PART * mask.data.length) return sheet;
  const margin = reachOf(Math.max(where.width, where.height)) + 3; // and as far as pieces are beside what was taken away
  const [left, top] = [Math.max(ink.left - margin, 0), Math.max(ink.top - margin, 0)];
  const box = { left, top, width: ink.left + ink.width + margin - left, height: ink.top + ink.height + margin - top };
  const taken = sheet.taken && cropped(sheet.taken, box);
  return { ...sheet, strength: cropped(sheet.strength, box), mask: cropped(mask, box), where: { ...where, left, top }, taken };
}

/**
 * A sheet without what lies broad and paler below its ink, if that is a piece of some size which no border cuts.
 *
 * @param {Sheet} sheet
 * @returns {Sheet}
 */
function withoutShadow(sheet) {
  const { where } = sheet, longer = Math.max(where.width, where.height);
  if (sheet.isEven || longer < LEAST_SIDE) return sheet;
  const mask = stronger(sheet.strength, sheet.mask);
  if (mask === sheet.mask) return sheet;
  const { left, top, right, bottom } = choose(piecesOf(mask, where), null, where).first;
  const isCut = left <= 0 || top <= 0 || right >= where.width || bottom >= where.height;
  return isCut || Math.max(right - left, bottom - top) < LEAST_PART * longer ? sheet : { ...sheet, mask, difference: null };
}

/**
 * The digit among the pieces.
 *
 * @param {Sheet} sheet
 * @returns {Found | null}
 */
function digitOn(sheet) {
  const found = piecesOf(sheet.mask, sheet.where), { wanted } = choose(found, sheet.taken, sheet.where);
  const isAll = wanted.every(Boolean), mask = isAll ? sheet.mask : only(wanted, found, sheet.mask);
  const difference = isAll && sheet.difference !== null ? sheet.difference : meanWhere(sheet.strength, mask) - sheet.level;
  if (difference < LEAST_CONTRAST) return null;
  // What of the ink lies just outside of the threshold belongs to it: the grey of its edges.
  const ink = combined(sheet.strength, dilated(mask, 3), (value, wantedHere) => value & wantedHere);
  return { ink, mask, isClutter: areClutter(found) };
}

/**
 * @param {boolean[]} wanted for each piece
 * @param {Pieces} pieces
 * @param {Plane} mask
 */
function only(wanted, { labels }, mask) {
  return plane(mask.width, mask.height, mask.data.map((value, at) => (labels[at] && wanted[labels[at] - 1] ? value : 0)));
}

/** @param {Pieces} pieces */
function areClutter({ pieces }) {
  const largest = Math.max(...pieces.map(({ area }) => area));
  return pieces.filter(({ area }) => area >= Math.max(3, SOME_SIZE * largest)).length > MOST_PIECES;
}
