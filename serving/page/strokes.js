/**
 * What is drawn, as lines and not as pixels: sharp on every screen, and ink or chalk as the page's colours have it.
 *
 * @typedef {[x: number, y: number]} Point in units of which the paper is SIDE wide and high
 * @typedef {{width: number, points: Point[]}} Stroke
 */

/** @typedef {import("./answer.js").Picture} Picture */

export const SIDE = 280;

/**
 * A smooth line through the middles between the points, as an SVG path; one point gives a dot.
 *
 * @param {Point[]} points at least one
 */
export function pathOf(points) {
  const [first, ...rest] = points;
  if (!rest.length) return `M${at(first)}l.01 0`;
  let path = `M${at(first)}`;
  for (let place = 0; place < rest.length - 1; place++) path += `Q${at(rest[place])} ${at(middle(rest[place], rest[place + 1]))}`;
  return `${path}L${at(rest[rest.length - 1])}`;
}

/**
 * A drawing as a picture. Networks that find the ink get it black on white, as on paper; those that take a picture as it is
 * were trained on light clothes on black, and get it so.
 *
 * @param {Stroke[]} strokes at least one
 * @returns {Picture}
 */
export function drawn(strokes) {
  /** @type {Map<string, Promise<Blob>>} */
  const files = new Map();
  return {
    name: "drawing.png",
    url: null,
    file(reading) {
      const file = files.get(reading) ?? (reading === "plain" ? png(strokes, "#fff", "#000") : png(strokes, "#000", "#fff"));
      files.set(reading, file);
      return file;
    },
  };
}

/**
 * @param {Stroke[]} strokes
 * @param {string} ink
 * @param {string} paper
 */
function png(strokes, ink, paper) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  context.fillStyle = paper;
  context.fillRect(0, 0, SIDE, SIDE);
  Object.assign(context, { strokeStyle: ink, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    context.lineWidth = stroke.width;
    context.stroke(new Path2D(pathOf(stroke.points)));
  }
  return canvas.convertToBlob({ type: "image/png" });
}

/** @param {Point} point */
const at = ([x, y]) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;

/**
 * @param {Point} one
 * @param {Point} other
 * @returns {Point}
 */
const middle = (one, other) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
