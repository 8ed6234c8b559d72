/**
 * A network in this browser: the door to the worker in which it runs, so that the page stays quick meanwhile.
 *
 * @typedef {import("./answer.js").Answer} Answer
 * @typedef {import("./answer.js").Card} Card
 * @typedef {import("./answer.js").How} How
 * @typedef {import("./answer.js").Picture} Picture
 * @typedef {import("./reading/decode.js").Limits} Limits
 */

import { unopened } from "./pictures.js";
import { Unanswered } from "./unanswered.js";

const WORKER = "/page/local/worker.js";
/** What it takes of a browser. Some switch WebAssembly off, to be safer. */
const NEEDED = ["WebAssembly", "Worker", "OffscreenCanvas", "DecompressionStream", "createImageBitmap"];
/** For one question, and for some 4 MB over a slow line before the first. */
const PATIENCE_MS = 120_000;
const FETCHING = "Fetching what it takes to answer here …";
const UNLOADED = "What runs the network in this browser cannot be loaded.";
/** @type {Record<string, string>} by what was asked */
const LATE = { open: "What it takes to answer here has not come in time.", answer: "This browser has taken too long over it." };

/** Whether this browser could run a network. */
export const canRun = () => NEEDED.every((name) => name in globalThis);

export class Local {
  /** @type {Worker | null} with the network in it */
  #worker = null;
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
   * @param {How} how
   * @returns {Promise<Answer[]>}
   */
  async answers(pictures, { card, signal, wait }) {
    if (!this.#worker) wait?.(FETCHING);
    const found = [];
    for (const [index, picture] of pictures.entries()) {
      const file = await bytesOf(await picture.file(card.reading)), source = picture.name;
      const question = { task: "answer", file, source, index, card, limits: this.limits };
      found.push(file ? await this.#inTurn(signal, () => this.#ask(question, card)) : unopened(source, index));
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

  /**
   * @param {Question} question
   * @param {Card} card
   */
  async #ask(question, card) {
    this.#worker ??= await this.#opened(card);
    return this.#told(this.#worker, question);
  }

  /** @param {Card} card */
  async #opened(card) {
    const file = await this.file(card), worker = new Worker(WORKER, { type: "module" });
    await this.#told(worker, { task: "open", file, sha256: card.onnx_sha256 });
    return worker;
  }

  /**
   * What a worker says to something. One that fails is let go of, and the next question begins anew.
   *
   * @typedef {{task: string, file: ArrayBuffer | null, [key: string]: unknown}} Question
   *
   * @param {Worker} worker
   * @param {Question} question
   * @returns {Promise<any>}
   */
  #told(worker, question) {
    const { promise, resolve, reject } = Promise.withResolvers();
    const fail = (/** @type {string} */ why) => {
      worker.terminate();
      this.#worker = null;
      reject(new Unanswered("here", why));
    };
    const timer = setTimeout(() => fail(LATE[question.task]), PATIENCE_MS);
    worker.onmessage = ({ data: { made, failure } }) => (failure ? fail(failure) : resolve(made));
    worker.onerror = () => fail(UNLOADED);
    worker.postMessage(question, question.file ? [question.file] : []);
    return promise.finally(() => clearTimeout(timer));
  }
}

/**
 * @param {Blob} file
 * @returns {Promise<ArrayBuffer | null>} null where it has changed, or is gone, since it was brought
 */
const bytesOf = (file) => file.arrayBuffer().catch(() => null);
