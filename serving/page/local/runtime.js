/** A network's file to what it says of a picture. The only import of ONNX Runtime. */

import { InferenceSession, Tensor, env } from "../runtime/ort.mjs";
import { Unanswered } from "../unanswered.js";

/** @typedef {{probabilities: Float32Array, evidence: number | null}} Row evidence: null where the network has none */
/** @typedef {(picture: Uint8Array) => Promise<Row>} Session */

const SIDE = 28;

env.wasm.numThreads = 1; // more need a page that is isolated, and a picture takes a millisecond
env.wasm.wasmPaths = { wasm: new URL("../runtime/ort.wasm", import.meta.url).href };

/**
 * Throws Unanswered where the file is not the proved one. Where the page came over plain HTTP from another machine, browsers
 * have no sums; there the service's own word counts, which checked the file when it sent it, and named its sum.
 *
 * @param {ArrayBuffer} file
 * @param {string} sha256 in hexadecimal
 * @returns {Promise<Session>}
 */
export async function openSession(file, sha256) {
  if (isSecureContext && (await sumOf(file)) !== sha256) {
    throw new Unanswered("here", "The network's file is not the one that its card proves.");
  }
  const session = await InferenceSession.create(file, { executionProviders: ["wasm"] });
  const wanted = session.outputNames.filter((name) => name === "probabilities" || name === "evidence");
  return async (picture) => {
    const { probabilities, evidence } = await session.run({ images: new Tensor("uint8", picture, [1, SIDE, SIDE]) }, wanted);
    return { probabilities: probabilities.data, evidence: evidence ? evidence.data[0] : null };
  };
}

/** @param {ArrayBuffer} file */
async function sumOf(file) {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
