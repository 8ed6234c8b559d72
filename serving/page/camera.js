import { byId } from "./dom.js";

/**
 * A photo by the camera: the phone's own camera program where there is one, a window with the camera's picture elsewhere.
 *
 * @param {{button: HTMLButtonElement, capture: HTMLInputElement, files: (files: File[]) => void}} parts
 */
export function openCamera({ button, capture, files }) {
  const isPhone = matchMedia("(pointer: coarse)").matches;
  button.hidden = !isPhone && !navigator.mediaDevices; // which browsers have over https and on localhost alone
  const show = camera(files);
  button.addEventListener("click", () => (isPhone ? capture.click() : show()));
}

/** @param {(files: File[]) => void} files */
function camera(files) {
  const dialog = byId("camera", HTMLDialogElement);
  const video = byId("camera-video", HTMLVideoElement);
  const take = byId("camera-take", HTMLButtonElement);
  const line = byId("camera-line", HTMLElement);
  const invitation = line.textContent;

  const stop = () => {
    if (video.srcObject instanceof MediaStream) for (const track of video.srcObject.getTracks()) track.stop();
    video.srcObject = null;
    take.disabled = true;
  };
  dialog.addEventListener("close", stop);
  byId("camera-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
  video.addEventListener("playing", () => (take.disabled = false));
  take.addEventListener("click", async () => {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    dialog.close();
    files([new File([blob], "photo.jpg", { type: blob.type })]);
  });

  return async () => {
    line.textContent = invitation;
    dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      video.srcObject = stream;
      if (!dialog.open) stop(); // closed while the browser asked
    } catch (error) {
      line.textContent = complaint(error);
    }
  };
}

/** @param {unknown} error */
function complaint(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The camera may not be used here. The browser’s settings for this page can allow it.";
  if (name === "NotFoundError") return "There is no camera on this computer.";
  return "The camera does not answer. Perhaps another program uses it.";
}
