// Shortcuts of one key, and their list. They are off while one types, and can be switched off, since speech input
// would press them.

const list = document.getElementById("keys");
const help = document.getElementById("help");
const enabled = document.getElementById("single-keys");

help.hidden = false;
help.addEventListener("click", () => list.showModal());
enabled.checked = withStorage((storage) => storage.getItem("keys")) !== "off";
const remember = (storage) => storage.setItem("keys", enabled.checked ? "on" : "off");
enabled.addEventListener("change", () => withStorage(remember));

// The link of the next (1) or previous (-1) row
function neighbour(step) {
  const links = [...document.querySelectorAll(".jobs .what a")];
  const current = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  return links[Math.max(0, current + step)];
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const step = { j: 1, k: -1 }[key];
  if (event.repeat && !step) return; // a key that is held down must not claim job after job
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (!enabled.checked || target.matches("input, select, textarea") || target.isContentEditable) return;
  if (key === "c" && !target.matches("body, #main")) return; // it changes a job: not by mistake
  const found = step ? neighbour(step) : document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!found) return;
  event.preventDefault();
  if (step || found.matches("input")) found.focus();
  else found.click();
});
