/**
 * Bytes to pixels, limits first. PNG is decoded here, to the values that are in it; all else by the browser, whose decoders
 * are others than the service's: of a JPEG, a pixel may differ by a few levels. TIFF is not read, as browsers do not, and AVIF
 * only where the browser does.
 */

import { fromDeep, onPaper, withNeededChannels } from "./eightbit.js";
import { formatOf, isCut, isUnsupported, text } from "./formats.js";
import { readJpeg, readPng } from "./headers.js";
import { decodePng } from "./png.js";
import { Broken, ImageRejected } from "./refusal.js";

/** @typedef {import("../vision/pixels.js").Pixels} Pixels */
/** @typedef {import("./png.js").Values} Values */

/**
 * @typedef {object} Limits what one picture may cost, as the service tells
 * @property {number} max_bytes
 * @property {number} max_pixels
 * @property {number} max_side
 * @property {number} max_aspect the longer side over the shorter
 * @property {number} max_frames
 */

/** A large picture is made smaller first, while its longer side keeps at least this many pixels. */
const ENOUGH_PIXELS = 500;
const UNKNOWN_AVIF = "This browser does not read this AVIF; the service may.";

/**
 * Decode a picture to eight bits, of one channel or three, turned as its EXIF orientation says. Throws ImageRejected; what else
 * is thrown is not the picture's fault.
 *
 * @param {Uint8Array} data
 * @param {Limits} limits
 * @returns {Promise<Pixels>}
 */
export async function decode(data, limits) {
  if (!data.length) throw new ImageRejected("empty");
  if (data.length > limits.max_bytes) throw new ImageRejected("too_many_bytes");
  const format = formatOf(data);
  if (!format) throw new ImageRejected(whyUnidentified(data));
  if (format === "TIFF") throw new ImageRejected("unsupported_format", "Browsers do not read TIFF; the service does.");
  try {
    if (format === "PNG") return await decodedPng(data, limits);
    if (format === "JPEG") return await decodedJpeg(data, limits);
    return await decodedByBrowser(new Blob([data]), limits);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    if (isCut(data)) throw new ImageRejected("truncated");
    // A browser does not tell a picture that is damaged from one that it does not know.
    throw format === "AVIF" ? new ImageRejected("unsupported_format", UNKNOWN_AVIF) : new ImageRejected("damaged");
  }
}

/**
 * @param {Uint8Array} data
 * @returns {import("./refusal.js").Reason}
 */
function whyUnidentified(data) {
  if (isUnsupported(data)) return "unsupported_format";
  const isBegun = ["\x89PNG", "\xff\xd8", "GIF8", "RIFF"].some((magic) => text(data, 0, magic.length) === magic);
  return isBegun ? (isCut(data) ? "truncated" : "damaged") : "not_an_image";
}

/**
 * Refuse what the header announces too much of.
 *
 * @param {Limits} limits
 * @param {{width: number, height: number}} size
 * @param {number} [frames]
 */
function check(limits, { width, height }, frames = 1) {
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  if (shorter < 1) throw new Broken("a picture without pixels");
  if (shorter * longer > limits.max_pixels) throw new ImageRejected("too_many_pixels");
  if (longer > limits.max_side) throw new ImageRejected("too_long");
  if (longer > limits.max_aspect * shorter) throw new ImageRejected("too_narrow");
  if (frames > limits.max_frames) throw new ImageRejected("too_many_frames");
}

/**
 * @param {Uint8Array} data
 * @param {Limits} limits
 */
async function decodedPng(data, limits) {
  const png = readPng(data);
  check(limits, png, png.frames);
  return upright(await decodePng(png), png.orientation);
}

/**
 * @param {Uint8Array} data
 * @param {Limits} limits
 */
async function decodedJpeg(data, limits) {
  const { bare, orientation, isEnded, ...size } = readJpeg(data), longer = Math.max(size.width, size.height);
  check(limits, size);
  if (!isEnded) throw new Broken("no end"); // a browser would show what there is
  const pixels = opaque(await pixelsOf(bare));
  // The service decodes to an eighth, a quarter or half of the size.
  const scale = [8, 4, 2].find((one) => Math.floor(longer / one) >= ENOUGH_PIXELS) ?? 1;
  return upright(reduced(pixels, scale), orientation);
}

/**
 * @param {Blob} file
 * @param {Limits} limits
 */
async function decodedByBrowser(file, limits) {
  const pixels = await pixelsOf(file);
  check(limits, pixels);
  return upright(pixels, 1); // which the browser has turned it to
}

/**
 * What the browser's decoder makes of a file: RGB and alpha.
 *
 * @param {Blob} file
 * @returns {Promise<Pixels>}
 */
async function pixelsOf(file) {
  const image = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => {
    throw new Broken("the browser's decoder refuses it");
  });
  const { width, height } = image, canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(image, 0, 0);
  image.close();
  return { width, height, channels: 4, data: new Uint8Array(context.getImageData(0, 0, width, height).data.buffer) };
}

/**
 * @param {Pixels} pixels of four channels
 * @returns {Pixels} of the first three
 */
function opaque({ width, height, data }) {
  const made = new Uint8Array(width * height * 3);
  for (let at = 0, to = 0; at < data.length; at++) if (at % 4 < 3) made[to++] = data[at];
  return { width, height, channels: 3, data: made };
}

/**
 * From decoded values on: smaller, turned, eight bits of one channel or three.
 *
 * @param {Values} values
 * @param {number} orientation that is undone
 */
function upright(values, orientation) {
  const factor = Math.floor(Math.max(values.width, values.height) / ENOUGH_PIXELS), isLarge = factor >= 2;
  const hasAlpha = values.channels % 2 === 0;
  const small = isLarge ? reduced(hasAlpha ? premultiplied(values) : values, factor) : values;
  const { width, height, channels, data } = turned(small, orientation);
  if (data instanceof Uint16Array) return fromDeep(width, height, data);
  const pixels = { width, height, channels, data };
  return isLarge && hasAlpha ? onPaper(pixels) : withNeededChannels(pixels);
}

/**
 * So many times smaller, each pixel the mean of a square.
 *
 * @template {Values} T
 * @param {T} values
 * @param {number} factor
 * @returns {T}
 */
function reduced(values, factor) {
  if (factor === 1) return values;
  const [width, height] = [values.width, values.height].map((side) => Math.ceil(side / factor)), { channels, data } = values;
  const made = data.slice(0, width * height * channels), sums = new Float64Array(width * channels);
  for (let y = 0; y < height; y++) {
    const rows = Math.min(factor, values.height - y * factor);
    sums.fill(0);
    for (let row = y * factor; row < y * factor + rows; row++) {
      for (let column = 0, at = row * values.width * channels; column < values.width; column++) {
        const to = Math.floor(column / factor) * channels;
        for (let channel = 0; channel < channels; channel++) sums[to + channel] += data[at++];
      }
    }
    for (let x = 0; x < width; x++) {
      const size = rows * Math.min(factor, values.width - x * factor);
      for (let at = x * channels; at < (x + 1) * channels; at++) made[y * width * channels + at] = mean(sums[at], size);
    }
  }
  return { ...values, width, height, data: made };
}

/**
 * A sum over so many, to the nearest, as Pillow divides: by a fraction of 32 bits.
 *
 * @param {number} sum
 * @param {number} size
 */
const mean = (sum, size) => Math.floor(((sum + (size >> 1)) * Math.floor(2 ** 24 / size)) / 2 ** 24);

/**
 * Colours multiplied by their alpha, so that what cannot be seen does not bleed into what can.
 *
 * @param {Values} values
 * @returns {Values}
 */
function premultiplied(values) {
  const { channels, data } = values;
  const made = data.map((value, at) => {
    if (at % channels === channels - 1) return value;
    const product = value * data[at - (at % channels) + channels - 1] + 128;
    return ((product >> 8) + product) >> 8;
  });
  return { ...values, data: made };
}

/**
 * Undo an orientation: EXIF's 2 to 4 turn and mirror, 5 to 8 also change rows and columns.
 *
 * @template {Values} T
 * @param {T} values
 * @param {number} orientation
 * @returns {T}
 */
function turned(values, orientation) {
  if (orientation === 1) return values;
  const { channels, data } = values, isLying = orientation >= 5;
  const [width, height] = isLying ? [values.height, values.width] : [values.width, values.height];
  const [isMirrored, isUpsideDown] = [[2, 3, 7, 8].includes(orientation), [3, 4, 6, 7].includes(orientation)];
  const made = data.slice();
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = isLying ? [y, x] : [x, y];
      const column = isMirrored ? values.width - 1 - u : u, row = isUpsideDown ? values.height - 1 - v : v;
      const from = (row * values.width + column) * channels;
      for (let channel = 0; channel < channels; channel++) made[to++] = data[from + channel];
    }
  }
  return { ...values, width, height, data: made };
}
