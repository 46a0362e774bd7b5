"use strict";
// Light or dark: the system's setting, or what was chosen here. A classic script: it must run before the first paint,
// and a module would run later.

// What is saved under this name, after saving a value if there is one; modules use it too.
function saved(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null; // the browser lets nothing be saved
  }
}

document.documentElement.classList.add("js");
if (saved("theme")) document.documentElement.dataset.theme = saved("theme");

document.addEventListener("click", ({ target }) => {
  if (target.id !== "theme") return;
  const { dataset } = document.documentElement;
  const theme = dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  dataset.theme = theme === "dark" ? "light" : "dark";
  saved("theme", dataset.theme);
});
