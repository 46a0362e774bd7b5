// Shortcuts of one key, and the list of those that work on this page. They are off while one types, and can be switched
// off, since speech input would press them.

const list = document.getElementById("keys");
const enabled = document.getElementById("single-keys");

document.getElementById("help").addEventListener("click", () => {
  for (const each of list.querySelectorAll("[data-for]")) each.hidden = !document.querySelector(each.dataset.for);
  list.showModal();
});
enabled.checked = saved("keys") !== "off";
enabled.addEventListener("change", () => saved("keys", enabled.checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const step = { j: 1, k: -1 }[key]; // rows
  if (event.repeat && !step) return; // a key that is held down must not claim job after job
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (!enabled.checked || target.matches("input, select, textarea") || target.isContentEditable) return;
  if (key === "c" && !target.matches("body, #main")) return; // it changes a job: not by mistake
  const links = [...document.querySelectorAll(".jobs .what a")];
  const row = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const named = document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`);
  const found = step ? links[Math.max(0, row + step)] : [...named].at(-1);
  if (!found) return;
  event.preventDefault();
  if (step || found.matches("input")) found.focus();
  else found.click();
});
