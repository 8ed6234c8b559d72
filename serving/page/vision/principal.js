/** The direction in which something varies most. */

/** Squared so often, a matrix has nothing left but its largest eigenvalue, were the next as near as one in 10^12. */
const TIMES = 48;

/**
 * The eigenvector of the largest eigenvalue of a symmetric matrix without negative ones; the last axis where all is 0.
 *
 * @param {number[][]} symmetric
 */
export function principalAxis(symmetric) {
  let power = symmetric;
  for (let time = 0; time < TIMES; time++) {
    const trace = power.reduce((sum, row, at) => sum + row[at], 0);
    if (!trace) return symmetric.map((_, at) => Number(at === symmetric.length - 1));
    const unit = power.map((row) => row.map((value) => value / trace));
    power = unit.map((row) => unit.map((other) => row.reduce((sum, value, at) => sum + value * other[at], 0)));
  }
  // What is left is the axis times itself: its longest row has the direction.
  const longest = power.reduce((one, other) => (Math.hypot(...other) > Math.hypot(...one) ? other : one));
  return longest.map((value) => value / Math.hypot(...longest));
}
