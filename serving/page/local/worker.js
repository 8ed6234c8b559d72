/** One network and the reading of pictures, in a thread of their own. Told one thing at a time, it answers each. */

import { read } from "../reading/index.js";
import { ImageRejected } from "../reading/refusal.js";
import { Unanswered } from "../unanswered.js";
import { blank, prediction, rejection } from "./outcome.js";
import { openSession } from "./runtime.js";

/** @typedef {import("../answer.js").Answer} Answer */
/** @typedef {import("../answer.js").Card} Card */
/** @typedef {import("../reading/decode.js").Limits} Limits */

/** @type {import("./runtime.js").Session} */
let session;

/** @type {Record<string, (told: any) => Promise<unknown>>} */
const TASKS = {
  async open(/** @type {{file: ArrayBuffer, sha256: string}} */ { file, sha256 }) {
    session = await openSession(file, sha256);
  },
  answer,
};

/** @type {Record<string, string>} what people are told when a task fails; the console has what its library says */
const FAILURES = {
  open: "What runs the network in this browser cannot be loaded.",
  answer: "The network in this browser has failed.",
};

/**
 * @param {{file: ArrayBuffer, source: string, index: number, card: Card, limits: Limits}} told
 * @returns {Promise<Answer>}
 */
async function answer({ file, source, index, card, limits }) {
  const about = { source, index, card };
  let reading;
  try {
    reading = await read(new Uint8Array(file), limits);
  } catch (error) {
    if (error instanceof ImageRejected) return rejection(error, about);
    console.error(error);
    return rejection(new ImageRejected("unreadable", "This browser cannot read it; the service may."), about);
  }
  return reading.isBlank ? blank(reading, about) : prediction(await session(reading.picture.data), reading, about);
}

onmessage = async ({ data: { task, ...told } }) => {
  try {
    postMessage({ made: await TASKS[task](told) });
  } catch (error) {
    console.error(error);
    postMessage({ failure: error instanceof Unanswered ? error.message : FAILURES[task] });
  }
};
