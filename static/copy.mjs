// Buttons that copy the text of another element: data-copy is its id.
import { say } from "./toasts.mjs";

document.addEventListener("click", async ({ target }) => {
  const source = document.getElementById(target.closest("[data-copy]")?.dataset.copy);
  if (!source) return;
  const isCopied = await navigator.clipboard?.writeText(source.textContent).then(() => true, () => false);
  if (!isCopied) getSelection().selectAllChildren(source); // without TLS there is no clipboard: one key is left to press
  say(isCopied ? "Copied" : "Marked: copy it with the keyboard", "done");
});
