"""What a camera or a scanner makes of a canvas: blur, noise, perspective, JPEG, eight bits."""

import cv2
import numpy as np
import numpy.typing as npt

from training.scenes.paper import Canvas, noise

Picture = npt.NDArray[np.uint8]
"""(H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGBA; uint8."""


def blurred(canvas: Canvas, sigma: float) -> Canvas:
    """Out of focus."""
    return canvas if sigma < 0.2 else np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.float32)


def shaken(rng: np.random.Generator, canvas: Canvas, length: float) -> Canvas:
    """Moved by so many pixels in a random direction while the shutter was open."""
    reach = max(int(np.ceil(length / 2)), 1)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2 * 256
    start, end = (tuple(map(int, reach * 256 + sign * step)) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 8)
    kernel = np.maximum(kernel, 0)
    return np.asarray(cv2.filter2D(canvas, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32)


def noisy(rng: np.random.Generator, canvas: Canvas, sigma: float) -> Canvas:
    """A sensor's noise, `sigma` grey levels strong."""
    return canvas if sigma <= 0 else canvas + noise(rng, canvas.shape) * np.float32(sigma)


def tilted(rng: np.random.Generator, canvas: Canvas, amount: float, angle: float = 0.0) -> Canvas:
    """Seen from aside and turned: corners move by up to `amount` of the sides, the whole turns by an angle in radians.

    The outermost pixels go on beyond the picture, so lines and tables still cross its border.
    """
    height, width = canvas.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    middle = corners.mean(0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - middle) @ turn.T + middle + rng.uniform(-amount, amount, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    warped = cv2.warpPerspective(canvas, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def jpeged(picture: Picture, quality: int) -> Picture:
    """Through JPEG and back; (H, W) or (H, W, 3)."""
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), np.uint8)


def eight_bits(canvas: Canvas) -> Picture:
    """To eight bits; what is too light or too dark is cut off."""
    return np.asarray(np.clip(canvas + np.float32(0.5), 0, 255), np.uint8)


def develop(rng: np.random.Generator, canvas: Canvas, blur: float = 0.6, grain: float = 2.0) -> Picture:
    """A mild camera: up to this much blur and noise."""
    return eight_bits(noisy(rng, blurred(canvas, rng.uniform(0, blur)), rng.uniform(0, grain)))
