"use strict";
// Light or dark: the system's setting, or what was chosen here. A classic script: it must run before the first paint,
// and a module would run later.

// What action(localStorage) returns; null where the browser lets nothing be saved. Modules use it too.
function withStorage(action) {
  try {
    return action(localStorage);
  } catch {
    return null;
  }
}

{
  const root = document.documentElement;
  root.classList.add("js");
  const chosen = withStorage((storage) => storage.getItem("theme"));
  if (chosen) root.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", () => {
      const theme = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      root.dataset.theme = theme === "dark" ? "light" : "dark";
      withStorage((storage) => storage.setItem("theme", root.dataset.theme));
    });
  });
}
