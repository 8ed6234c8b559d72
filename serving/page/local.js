/**
 * A network in this browser: the door to the worker in which it runs, so that the page stays quick meanwhile.
 *
 * @typedef {import("./answer.js").Answer} Answer
 * @typedef {import("./answer.js").Card} Card
 * @typedef {import("./answer.js").Picture} Picture
 * @typedef {import("./reading/decode.js").Limits} Limits
 */

import { Unanswered } from "./unanswered.js";

const WORKER = "/page/local/worker.js";

export class Local {
  /** @type {Promise<Worker> | null} with the network in it */
  #ready = null;
  /** @type {Promise<unknown>} the question before */
  #before = Promise.resolve();

  /**
   * @param {Limits} limits of one picture
   * @param {(card: Card) => Promise<ArrayBuffer>} file fetches a network's file
   */
  constructor(limits, file) {
    this.limits = limits;
    this.file = file;
  }

  /**
   * What it makes of some pictures, one after the other. Throws Unanswered; throws the signal's reason when it is aborted.
   *
   * @param {Picture[]} pictures
   * @param {{card: Card, signal: AbortSignal}} how
   * @returns {Promise<Answer[]>}
   */
  async answers(pictures, { card, signal }) {
    const found = [];
    for (const [index, picture] of pictures.entries()) {
      const file = await (await picture.file(card.reading)).arrayBuffer();
      found.push(await this.#inTurn(signal, async () => {
        const worker = await this.#open(card);
        return ask(worker, { task: "answer", file, source: picture.name, index, card, limits: this.limits });
      }));
    }
    return found;
  }

  /**
   * One question at a time; those that nobody waits for any more are passed over.
   *
   * @template T
   * @param {AbortSignal} signal
   * @param {() => Promise<T>} question
   * @returns {Promise<T>}
   */
  async #inTurn(signal, question) {
    const before = this.#before, { promise, resolve } = Promise.withResolvers();
    this.#before = promise;
    try {
      await before;
      signal.throwIfAborted();
      const answer = await question();
      signal.throwIfAborted();
      return answer;
    } finally {
      resolve(undefined);
    }
  }

  /** @param {Card} card */
  #open(card) {
    this.#ready ??= this.#opened(card).catch((error) => {
      this.#ready = null; // the next question tries again
      throw error;
    });
    return this.#ready;
  }

  /** @param {Card} card */
  async #opened(card) {
    const file = await this.file(card), worker = new Worker(WORKER, { type: "module" });
    await ask(worker, { task: "open", file, sha256: card.onnx_sha256 });
    return worker;
  }
}

/**
 * @param {Worker} worker
 * @param {{file: ArrayBuffer, [key: string]: unknown}} question
 * @returns {Promise<any>}
 */
function ask(worker, question) {
  const { promise, resolve, reject } = Promise.withResolvers();
  worker.onmessage = ({ data: { made, failure } }) => (failure ? reject(new Unanswered("refused", failure)) : resolve(made));
  worker.onerror = () => reject(new Unanswered("away", "What runs the network in this browser cannot be loaded."));
  worker.postMessage(question, [question.file]);
  return promise;
}
