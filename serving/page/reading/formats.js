/** Which format a file's bytes announce, and whether they lack its end. */

/** @typedef {"PNG" | "JPEG" | "WebP" | "AVIF" | "BMP" | "GIF" | "TIFF"} Format */

/**
 * @param {Uint8Array} data
 * @param {number} from
 * @param {number} to
 */
export const text = (data, from, to) => String.fromCharCode(...data.subarray(from, to));

/** @type {[string, Format][]} */
const MAGIC = [
  ["\x89PNG\r\n\x1a\n", "PNG"], ["\xff\xd8\xff", "JPEG"], ["GIF87a", "GIF"], ["GIF89a", "GIF"],
  ["II*\0", "TIFF"], ["MM\0*", "TIFF"], ["II+\0", "TIFF"], ["MM\0+", "TIFF"], ["BM", "BMP"],
];
/** What the first bytes of formats that people do send, and that are not read, look like. */
const UNSUPPORTED = [
  "%pdf", "8bps", "<svg", "<?xml", "\x00\x00\x01\x00", "p1", "p2", "p3", "p4", "p5", "p6", "%!ps", "\x00\x00\x00\x0cjp",
  "\xff\x0a", "\x00\x00\x00\x0cjxl", "qoif", "\x76\x2f\x31\x01",
];

/**
 * @param {Uint8Array} data
 * @returns {Format | null}
 */
export function formatOf(data) {
  const head = text(data, 0, 16), found = MAGIC.find(([magic]) => head.startsWith(magic));
  if (found) return found[1];
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "WebP";
  if (head.slice(4, 8) !== "ftyp") return null;
  const size = Math.min(new DataView(data.buffer, data.byteOffset).getUint32(0), 256);
  const brands = [8, ...Array.from({ length: Math.max(0, Math.ceil((size - 16) / 4)) }, (_, at) => 16 + 4 * at)];
  return brands.some((at) => ["avif", "avis"].includes(text(data, at, at + 4))) ? "AVIF" : null;
}

/**
 * Whether bytes of no format that is read are of one that people do send.
 *
 * @param {Uint8Array} data
 */
export function isUnsupported(data) {
  const head = text(data, 0, 64).replace(/^[ \t\n\r\f\v]+/, "").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return text(data, 4, 8) === "ftyp" || UNSUPPORTED.some((magic) => head.startsWith(magic));
}

/**
 * Whether a file that could not be decoded lacks the mark or the length that its format ends with.
 *
 * @param {Uint8Array} data
 */
export function isCut(data) {
  const head = text(data, 0, 8), end = text(data, data.length - 16, data.length);
  const view = new DataView(data.buffer, data.byteOffset);
  if (head.startsWith("\x89PNG")) return !end.includes("IEND");
  if (head.startsWith("\xff\xd8")) return !end.includes("\xff\xd9");
  if (head.startsWith("GIF8")) return !end.endsWith("\x3b");
  if (head.startsWith("RIFF")) return data.length < 8 || data.length < 8 + view.getUint32(4, true);
  if (head.startsWith("BM")) return data.length < 6 || data.length < view.getUint32(2, true);
  return head.slice(4, 8) === "ftyp" && boxesEnd(data) > data.length;
}

/**
 * Where the last box of an ISO media file, itself perhaps cut, says that it ends.
 *
 * @param {Uint8Array} data
 */
function boxesEnd(data) {
  const view = new DataView(data.buffer, data.byteOffset);
  let end = 0;
  for (let box = 0; box < 64 && end + 8 <= data.length; box++) {
    const size = view.getUint32(end);
    if (size < 8) break;
    end += size;
  }
  return end;
}
