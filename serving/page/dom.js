/**
 * The page's element of this id. Throws where index.html has none of that kind.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export const byId = (id, kind) => within(document, `#${id}`, kind);

/**
 * The first element below another that a selector finds. Throws where index.html has none of that kind.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
export function within(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} at ${selector}`);
  return found;
}

/**
 * A copy of what a <template> holds.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function copyOf(id) {
  const copy = document.importNode(byId(id, HTMLTemplateElement).content, true);
  return within(copy, "*", HTMLElement);
}

/** @param {string} text told by screen readers */
export function say(text) {
  byId("said", HTMLElement).textContent = text;
}

/**
 * Set how much of its place a bar takes.
 *
 * @param {HTMLElement} bar
 * @param {number} share 0 to 1
 */
export function fillBar(bar, share) {
  bar.style.setProperty("--share", String(share));
}
