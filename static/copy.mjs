// Buttons that copy the text of another element: data-copy is its id.
import { say } from "./toasts.mjs";

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say("Copied", "done");
  } catch {
    getSelection().selectAllChildren(source); // without TLS there is no clipboard: one key is left to press
    say("Marked: copy it with the keyboard", "done");
  }
});
