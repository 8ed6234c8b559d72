// A classic script, loaded before anything is painted: a module would come after the first flash of the wrong colours.
(() => {
  const KEY = "digits.theme";

  const apply = (/** @type {string} */ theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };

  const kept = () => {
    try {
      return localStorage.getItem(KEY) ?? "auto";
    } catch {
      return "auto"; // storage is forbidden here; the switch works all the same
    }
  };

  const keep = (/** @type {string} */ theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // as above
    }
  };

  apply(kept());
  addEventListener("DOMContentLoaded", () => {
    const chosen = document.querySelector(`input[name="theme"][value="${CSS.escape(kept())}"]`);
    if (chosen instanceof HTMLInputElement) chosen.checked = true;
  });
  addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLInputElement) || target.name !== "theme") return;
    apply(target.value);
    keep(target.value);
  });
})();
