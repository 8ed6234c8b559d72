/** Numbers as NumPy and OpenCV treat them. */

/**
 * To the nearest whole number, halves to the even one.
 *
 * @param {number} value
 */
export function rounded(value) {
  const below = Math.floor(value), rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/**
 * The same within 0 and 255.
 *
 * @param {number} value
 */
export const level = (value) => Math.min(255, Math.max(0, rounded(value)));

/** @param {ArrayLike<number>} values at least one */
export function median(values) {
  const ordered = Float64Array.from(values).sort();
  return (ordered[(ordered.length - 1) >> 1] + ordered[ordered.length >> 1]) / 2;
}

/** @param {ArrayLike<number>} values at least one */
export function mean(values) {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at];
  return sum / values.length;
}

/**
 * Where the largest is; of equals the first.
 *
 * @param {ArrayLike<number>} values at least one
 */
export function place(values) {
  let best = 0;
  for (let at = 1; at < values.length; at++) if (values[at] > values[best]) best = at;
  return best;
}
