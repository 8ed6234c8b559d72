/** How many questions may be under way at once; the oldest is given up for a newer one. */
const MOST = 4;

/**
 * Asks again and again about something that changes, and never lets an old answer follow a newer one.
 *
 * Answers are shown in the order of their questions. One that arrives after a newer one was shown is dropped, and its
 * request aborted; one that arrives before is shown meanwhile, so that a slow service still answers somebody who draws on.
 */
export class Newest {
  #asked = 0;
  #shown = 0;
  /** @type {Map<number, AbortController>} */
  #running = new Map();

  /**
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} question
   * @param {(answer: T) => void} show
   * @param {(error: unknown) => void} fail told only of the newest question's failure
   */
  async ask(question, show, fail) {
    const turn = ++this.#asked;
    const controller = new AbortController();
    this.#running.set(turn, controller);
    if (this.#running.size > MOST) this.#giveUp(Math.min(...this.#running.keys()));
    let answer;
    try {
      answer = await question(controller.signal);
    } catch (error) {
      if (!controller.signal.aborted && turn === this.#asked) fail(error);
      return;
    } finally {
      this.#running.delete(turn);
    }
    if (turn <= this.#shown) return;
    this.#overtake(turn);
    show(answer);
  }

  /** Nothing that was asked so far is to be shown any more. */
  forget() {
    this.#overtake(++this.#asked);
  }

  /** @param {number} turn */
  #overtake(turn) {
    this.#shown = turn;
    for (const older of this.#running.keys()) if (older < turn) this.#giveUp(older);
  }

  /** @param {number} turn */
  #giveUp(turn) {
    this.#running.get(turn)?.abort();
    this.#running.delete(turn);
  }
}
