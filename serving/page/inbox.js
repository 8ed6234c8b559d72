/**
 * Everything through which picture files come: dropped, pasted, chosen.
 *
 * @param {HTMLInputElement[]} inputs of type file
 * @param {{files: (files: File[]) => void, nothing: (why: string) => void}} told
 */
export function openInbox(inputs, told) {
  const give = (/** @type {FileList} */ list, /** @type {string} */ otherwise) => {
    if (list.length) told.files([...list]);
    else if (otherwise) told.nothing(otherwise);
  };

  for (const input of inputs) {
    input.addEventListener("change", () => {
      give(/** @type {FileList} */ (input.files), "");
      input.value = ""; // so that the same file can be chosen again
    });
  }

  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData) give(clipboardData.files, "There is no picture in what was copied.");
  });

  const mark = (/** @type {boolean} */ is) => document.body.classList.toggle("is-dropping", is);
  addEventListener("dragover", (event) => {
    event.preventDefault(); // or the browser would open the file in place of the page
    mark(true);
  });
  addEventListener("dragleave", ({ relatedTarget }) => mark(relatedTarget !== null));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    if (event.dataTransfer) give(event.dataTransfer.files, "That was no file. Save the picture first, then drop it here.");
  });
}
