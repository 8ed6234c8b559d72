/**
 * Nobody answered. `kind`: "away", "busy" (try again after `after` seconds), "locked" (it takes a key), "refused" or "here"
 * (what runs in this browser failed); the message is for people.
 */
export class Unanswered extends Error {
  /**
   * @param {"away" | "busy" | "locked" | "refused" | "here"} kind
   * @param {string} message
   * @param {number} after seconds
   */
  constructor(kind, message, after = 0) {
    super(message);
    this.kind = kind;
    this.after = after;
  }
}
