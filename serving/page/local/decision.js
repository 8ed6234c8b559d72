/** What may be said of a picture that was read: whether its digit is promised. As serving/decision.py. */

/**
 * @param {import("./runtime.js").Row} row
 * @param {import("../answer.js").Card} card
 * @param {boolean} isClutter whether the ink lies as no digit's does
 */
export function decide({ probabilities, evidence }, { decision }, isClutter) {
  if (!decision) return "digit";
  if (evidence !== null && (evidence < decision.evidence || isClutter)) return "not_a_digit";
  return Math.max(...probabilities) < decision.confidence ? "unsure" : "digit";
}
