/** The direction in which something varies most. */

/**
 * The eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi's rotations (1846).
 *
 * @param {number[][]} symmetric
 */
export function principalAxis(symmetric) {
  const matrix = symmetric.map((row) => [...row]), size = matrix.length;
  const axes = matrix.map((_, at) => matrix.map((_row, other) => Number(at === other)));
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < size - 1; p++) for (let q = p + 1; q < size; q++) rotate(matrix, axes, p, q);
  }
  const values = matrix.map((row, at) => row[at]), last = values.indexOf(Math.max(...values));
  return axes.map((row) => row[last]);
}

/**
 * Turn two axes so that nothing of the one is left in the other.
 *
 * @param {number[][]} matrix changed
 * @param {number[][]} axes changed
 * @param {number} p
 * @param {number} q
 */
function rotate(matrix, axes, p, q) {
  if (!matrix[p][q]) return;
  const angle = 0.5 * Math.atan2(2 * matrix[p][q], matrix[q][q] - matrix[p][p]), [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const turn = (/** @type {number[]} */ row) => ([row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]]);
  matrix.forEach(turn);
  [matrix[p], matrix[q]] = [0, 1].map((at) =>
    matrix[p].map((_, column) => (at ? sine * matrix[p][column] + cosine * matrix[q][column] : cosine * matrix[p][column] - sine * matrix[q][column])));
  axes.forEach(turn);
}
