/**
 * PNG to the values that are in it. A browser's own decoder would change them: it applies profiles and gamma, multiplies by
 * alpha and back, and makes eight bits of sixteen.
 */

/** @typedef {import("./headers.js").Png} Png */

/**
 * @typedef {object} Values
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 * @property {Uint8Array | Uint16Array} data
 */

/** Colour type of the header to values a pixel. */
/** @type {Record<number, number>} */
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Where the seven passes of an interlaced picture begin, and their steps: x, y, across, down. */
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/**
 * Grey, grey and alpha, RGB, or RGB and alpha, of eight bits; of sixteen where it is grey alone. Throws where the bytes do
 * not fill the picture.
 *
 * @param {Png} png
 * @returns {Promise<Values>}
 */
export async function decodePng(png) {
  const { width, height, depth, colour } = png, channels = CHANNELS[colour];
  const isKnown = channels && (depth === 8 || (depth === 16 && colour !== 3) || ([1, 2, 4].includes(depth) && channels === 1));
  if (!isKnown) throw new Error("unknown depth or colour");
  const passes = (png.isInterlaced ? PASSES : [[0, 0, 1, 1]]).map(([left, top, across, down]) => ({
    left, top, across, down, columns: Math.ceil((width - left) / across), rows: Math.ceil((height - top) / down),
  }));
  const bytesOf = (/** @type {number} */ columns) => Math.ceil((columns * channels * depth) / 8);
  const packed = await unpacked(png.packed, passes.reduce((sum, { columns, rows }) => sum + (columns ? rows * (1 + bytesOf(columns)) : 0), 0));
  const data = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * channels);
  let at = 0;
  for (const { left, top, across, down, columns, rows } of passes) {
    if (!columns) continue;
    const length = bytesOf(columns);
    unfilter(packed.subarray(at, at + rows * (1 + length)), length, Math.max(1, (channels * depth) / 8));
    for (let row = 0; row < rows; row++, at += 1 + length) {
      spread(packed.subarray(at + 1, at + 1 + length), depth, (top + row * down) * width + left, across, columns, channels, data);
    }
  }
  return withMeaning(png, { width, height, channels, data });
}

/**
 * So many bytes of a stream that is packed (RFC 1950).
 *
 * @param {Uint8Array[]} packed
 * @param {number} length
 */
async function unpacked(packed, length) {
  const bytes = new Uint8Array(length), reader = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  for (let at = 0; at < length; ) {
    const { done, value } = await reader.read();
    if (done) throw new Error("not enough pixels");
    bytes.set(value.subarray(0, length - at), at);
    at += value.length;
  }
  reader.cancel().catch(() => {}); // what follows the picture is nothing to it
  return bytes;
}

/**
 * Undo the filters of rows in place (PNG, 9.2).
 *
 * @param {Uint8Array} rows each with its filter before it
 * @param {number} length of a row
 * @param {number} step bytes of a pixel
 */
function unfilter(rows, length, step) {
  const pixel = (/** @type {number} */ row, /** @type {number} */ column) => (row < 0 || column < 0 ? 0 : rows[row * (1 + length) + 1 + column]);
  for (let row = 0; row < rows.length / (1 + length); row++) {
    const start = row * (1 + length), kind = rows[start];
    if (kind > 4) throw new Error("unknown filter");
    if (!kind) continue;
    for (let column = 0; column < length; column++) {
      const [left, above] = [pixel(row, column - step), pixel(row - 1, column)];
      const more = kind === 1 ? left : kind === 2 ? above : kind === 3 ? (left + above) >> 1 : likeliest(left, above, pixel(row - 1, column - step));
      rows[start + 1 + column] += more;
    }
  }
}

/**
 * Whichever of three is nearest to left + above - corner (Paeth 1991).
 *
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
function likeliest(left, above, corner) {
  const [byLeft, byAbove, byCorner] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
  return byLeft <= byAbove && byLeft <= byCorner ? left : byAbove <= byCorner ? above : corner;
}

/**
 * A row's values to their places.
 *
 * @param {Uint8Array} row
 * @param {number} depth
 * @param {number} first pixel
 * @param {number} across pixels from one to the next
 * @param {number} columns
 * @param {number} channels
 * @param {Uint8Array | Uint16Array} data
 */
function spread(row, depth, first, across, columns, channels, data) {
  for (let column = 0, value = 0; column < columns; column++) {
    for (let channel = 0; channel < channels; channel++, value++) {
      const bit = value * depth, at = (first + column * across) * channels + channel;
      if (depth === 8) data[at] = row[value];
      else if (depth === 16) data[at] = (row[2 * value] << 8) | row[2 * value + 1];
      else data[at] = (row[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    }
  }
}

/**
 * Numbers to what they mean: of a palette, of fewer bits than eight, of what is transparent; sixteen bits to their upper
 * eight where there is more than grey.
 *
 * @param {Png} png
 * @param {Values} values
 * @returns {Values}
 */
function withMeaning({ depth, colour, palette, transparency }, values) {
  const { width, height, channels, data } = values;
  if (colour === 3) return named(values, palette, transparency);
  const eight = depth === 16 && (channels > 1 || transparency) ? data.map((value) => value >> 8) : data.map((value) => (depth < 8 ? (value * 255) / ((1 << depth) - 1) : value));
  const levels = depth === 16 && channels === 1 && !transparency ? eight : Uint8Array.from(eight);
  if (!transparency || channels % 2 === 0) return { width, height, channels, data: levels };
  const clear = Array.from({ length: channels }, (_, channel) => (transparency[2 * channel] << 8) | transparency[2 * channel + 1]);
  const made = new Uint8Array(width * height * (channels + 1));
  for (let at = 0; at < width * height; at++) {
    made.set(levels.subarray(at * channels, (at + 1) * channels), at * (channels + 1));
    const isClear = clear.every((value, channel) => data[at * channels + channel] === value);
    made[at * (channels + 1) + channels] = isClear ? 0 : 255;
  }
  return { width, height, channels: channels + 1, data: made };
}

/**
 * @param {Values} values numbers of a palette's colours
 * @param {Uint8Array} palette
 * @param {Uint8Array | null} transparency of the first of them
 * @returns {Values}
 */
function named({ width, height, data }, palette, transparency) {
  const channels = transparency ? 4 : 3, made = new Uint8Array(width * height * channels);
  for (let at = 0; at < data.length; at++) {
    made.set(palette.subarray(3 * data[at], 3 * data[at] + 3), at * channels);
    if (transparency) made[at * 4 + 3] = transparency[data[at]] ?? 255;
  }
  return { width, height, channels, data: made };
}
