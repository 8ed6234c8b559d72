/**
 * Why a picture is refused: the reasons that serving/reading/refusal.py has, as far as a browser can meet them.
 *
 * @typedef {keyof typeof MESSAGES} Reason
 */

export const MESSAGES = {
  empty: "The file is empty.",
  not_an_image: "The file is not a picture.",
  unsupported_format:
    "The picture's format is not supported; send PNG, JPEG, WebP, AVIF, BMP, GIF or TIFF, and HEIC saved as JPEG.",
  truncated: "The picture ends before it is complete.",
  damaged: "The picture is damaged and cannot be decoded.",
  too_many_bytes: "The file has more bytes than one picture may have.",
  too_many_pixels: "The picture has more pixels than one picture may have.",
  too_long: "A side of the picture is longer than it may be.",
  too_narrow: "The picture is too narrow: one side is very many times as long as the other.",
  too_many_frames: "The animation has more frames than one picture may have.",
  unreadable: "The file cannot be opened for reading.",
};

/** A file's bytes are not what its format says. */
export class Broken extends Error {}

/** One picture cannot be read. Never concerns its neighbours. */
export class ImageRejected extends Error {
  /**
   * @param {Reason} reason
   * @param {string} [message]
   */
  constructor(reason, message = MESSAGES[reason]) {
    super(message);
    this.reason = reason;
  }
}
