/**
 * What a picture's header says, before anything is decoded. A walk throws Broken where the bytes are not what their format says.
 * What serving/reading/headers.py looks for in packed texts of a PNG is not looked for here.
 */

import { text } from "./formats.js";
import { Broken } from "./refusal.js";

/**
 * @typedef {object} Png the parts of a PNG that make up the picture
 * @property {number} width
 * @property {number} height
 * @property {number} depth
 * @property {number} colour 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha
 * @property {boolean} isInterlaced
 * @property {number} frames
 * @property {number} orientation
 * @property {Uint8Array[]} packed the pixels
 * @property {Uint8Array} palette
 * @property {Uint8Array | null} transparency
 */

const MOST_CHUNKS = 20_000, MOST_SEGMENTS = 4096;
const TEXTS = ["iTXt", "zTXt", "tEXt"];
const EXIF = "Exif\0\0", XMP = "http://ns.adobe.com/xap/1.0/\0", XMP_IN_PNG = "XML:com.adobe.xmp\0\0";
const ORIENTATION = 0x0112, SHORT = 3;

/**
 * The orientation, 1 to 8, that EXIF or, where that has none, XMP tells; 1 where they are absent or damaged.
 *
 * @param {Uint8Array} [exif]
 * @param {Uint8Array} [xmp]
 */
function orientationIn(exif = new Uint8Array(), xmp = new Uint8Array()) {
  const found = inDirectory(text(exif, 0, 6) === EXIF ? exif.subarray(6) : exif);
  if (found >= 1 && found <= 8) return found;
  return Number(/tiff:Orientation(?:="|>)([1-8])/.exec(new TextDecoder("latin1").decode(xmp))?.[1] ?? 1);
}

/**
 * The orientation tag of the first directory of EXIF; 0 where it has none.
 *
 * @param {Uint8Array} data
 */
function inDirectory(data) {
  const isLittle = text(data, 0, 4) === "II*\0", view = new DataView(data.buffer, data.byteOffset, data.length);
  if (!isLittle && text(data, 0, 4) !== "MM\0*") return 0;
  try {
    const start = view.getUint32(4, isLittle), count = view.getUint16(start, isLittle);
    for (let at = start + 2; at < Math.min(start + 2 + 12 * count, data.length - 11); at += 12) {
      const [tag, kind, value] = [0, 2, 8].map((beyond) => view.getUint16(at + beyond, isLittle));
      if (tag === ORIENTATION && kind === SHORT) return value;
    }
  } catch {
    // a directory that lies outside of the data has no tags
  }
  return 0;
}

/**
 * Walk a PNG's chunks and check each one's sum; one without its end is walked as far as it goes.
 *
 * @param {Uint8Array} data
 * @returns {Png}
 */
export function readPng(data) {
  if (text(data, 8, 16) !== "\0\0\0\x0dIHDR" || data.length < 29) throw new Broken("no header");
  const [depth, colour, packing, filtering, interlaced] = data.subarray(24, 29);
  if (packing || filtering || interlaced > 1) throw new Broken("unknown packing");
  /** @type {Uint8Array[]} */
  const packed = [];
  /** @type {{palette?: Uint8Array, transparency?: Uint8Array, exif?: Uint8Array, xmp?: Uint8Array, frames?: number}} */
  const found = {};
  for (const { kind, content } of chunks(data)) {
    if (kind === "IDAT") packed.push(content);
    else if (kind === "PLTE") found.palette = content;
    else if (kind === "tRNS") found.transparency = content;
    else if (kind === "eXIf") found.exif ??= content; // of what may come but once, the first counts
    else if (kind === "acTL") found.frames ??= numberAt(content, 0, 4);
    else if (TEXTS.includes(kind) && text(content, 0, XMP_IN_PNG.length) === XMP_IN_PNG) found.xmp ??= content;
  }
  return {
    width: numberAt(data, 16, 4), height: numberAt(data, 20, 4), depth, colour, isInterlaced: interlaced === 1,
    frames: found.frames ?? 1, orientation: orientationIn(found.exif, found.xmp), packed,
    palette: found.palette ?? new Uint8Array(), transparency: found.transparency ?? null,
  };
}

/**
 * The number that so many bytes make, the first one highest; what lies behind the end is 0.
 *
 * @param {Uint8Array} data
 * @param {number} at
 * @param {number} length
 */
function numberAt(data, at, length) {
  let number = 0;
  for (let place = at; place < at + length; place++) number = number * 256 + (data[place] ?? 0);
  return number;
}

/** @param {Uint8Array} data */
function* chunks(data) {
  let at = 8;
  for (let chunk = 0; chunk < MOST_CHUNKS; chunk++) {
    const kind = text(data, at + 4, at + 8);
    if (kind === "IEND" || kind.length < 4) return;
    const end = at + 8 + numberAt(data, at, 4), content = data.subarray(at + 8, end);
    const isWhole = end + 4 <= data.length;
    if (isWhole && crc32(data.subarray(at + 4, end)) !== numberAt(data, end, 4)) throw new Broken("a chunk's sum is wrong");
    yield { kind, content };
    at = end + 4;
  }
  throw new Broken("too many chunks");
}

const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/**
 * The sum that PNG has at the end of a chunk (ISO 3309).
 *
 * @param {Uint8Array} data
 */
export function crc32(data) {
  let sum = 0xffffffff;
  for (let at = 0; at < data.length; at++) sum = REMAINDERS[(sum ^ data[at]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/**
 * Walk a JPEG's segments up to its pixels. `bare` is the same picture without profiles and metadata, by which a browser would
 * turn it and change its colours; `isEnded` whether the mark of the end follows the pixels, behind which anything may lie.
 *
 * @param {Uint8Array} data
 */
export function readJpeg(data) {
  /** @type {{width: number, height: number, isEnded: boolean, exif?: Uint8Array, xmp?: Uint8Array}} */
  const found = { width: 0, height: 0, isEnded: false };
  const kept = [data.subarray(0, 2)];
  for (const { marker, start, end } of segments(data)) {
    const content = data.subarray(start, end), isMetadata = marker >= 0xe1 && marker <= 0xef && marker !== 0xee;
    if (marker === 0xe1 && text(content, 0, EXIF.length) === EXIF) found.exif ??= content;
    if (marker === 0xe1 && text(content, 0, XMP.length) === XMP) found.xmp ??= content;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (data[start] !== 8) throw new Broken("only eight bits a sample are read");
      [found.height, found.width] = [numberAt(data, start + 1, 2), numberAt(data, start + 3, 2)];
    }
    if (marker === 0xda) {
      kept.push(data.subarray(start - 4));
      found.isEnded = hasEnd(data.subarray(end));
    } else if (!isMetadata) kept.push(data.subarray(start - 4, end));
  }
  const { width, height, isEnded, exif, xmp } = found;
  return { width, height, isEnded, orientation: orientationIn(exif, xmp), bare: new Blob(kept, { type: "image/jpeg" }) };
}

/**
 * Whether a JPEG's pixels end: no byte of theirs looks like the mark. Looked for from behind, where it mostly is.
 *
 * @param {Uint8Array} pixels
 */
function hasEnd(pixels) {
  let at = pixels.length;
  while (at > 0 && (at = pixels.lastIndexOf(0xd9, at - 1)) > 0) if (pixels[at - 1] === 0xff) return true;
  return false;
}

/**
 * The segments of a JPEG up to its first scan's included.
 *
 * @param {Uint8Array} data
 */
function* segments(data) {
  let at = 2;
  for (let segment = 0; segment < MOST_SEGMENTS; segment++) {
    while (at + 1 < data.length && !(data[at] === 0xff && data[at + 1] !== 0 && data[at + 1] !== 0xff)) at++;
    const marker = data[at + 1];
    if (marker === undefined || marker === 0xd9) throw new Broken("no pixels");
    at += 2;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    const start = at + 2, end = at + numberAt(data, at, 2);
    yield { marker, start, end };
    if (marker === 0xda) return;
    at = end;
  }
  throw new Broken("too many segments");
}
