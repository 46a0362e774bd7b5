// Messages about what was done or went wrong. While a dialog is open they are inside it: what is outside can be
// neither seen nor reached. A success disappears by itself, an error stays until it is dismissed.
import { refocus } from "./focus.mjs";

const toasts = document.getElementById("toasts");
const place = () => document.querySelector("dialog[open] .toasts") ?? toasts;
export const isRefresh = (ctx) => ctx?.sourceElement.matches(".live"); // its failures are shown by live.mjs

// For those who hear the page: what others see change.
export const announce = (sentence) => (place().nextElementSibling.textContent = sentence);

export function say(sentence, kind = "error") {
  const toast = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  toast.className = `toast ${kind}`;
  toast.firstElementChild.textContent = sentence;
  place().append(toast);
}

function dismiss(toast) {
  const hadFocus = toast.contains(document.activeElement);
  toast.remove();
  if (hadFocus) refocus();
}

function expire(toast) {
  const isNeeded = () => toast.matches(":hover, :focus-within") || !place().contains(toast);
  const time = toast.querySelector("form") ? 20_000 : 8_000; // what can be undone stays longer
  setTimeout(() => (isNeeded() ? expire(toast) : toast.remove()), time);
}

// Every new toast, from here or from the server. The same error is shown once.
const appeared = new MutationObserver((changes) => {
  for (const toast of changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node.isConnected)) {
    if (toast.matches(".done")) expire(toast);
    for (const other of toast.parentElement.querySelectorAll(".error"))
      if (other !== toast && other.textContent === toast.textContent) other.remove();
  }
});
for (const each of document.querySelectorAll(".toasts")) appeared.observe(each, { childList: true });

document.addEventListener("click", ({ target }) => {
  const toast = target.closest(".toast .close")?.closest(".toast");
  if (toast) dismiss(toast);
});
// A dialog that closes leaves its messages to the page. The event does not bubble, so it is captured.
document.addEventListener("close", ({ target }) => toasts.append(...target.querySelectorAll(".toast")), true);
document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  for (const task of tasks) if (task.target === toasts) task.target = place();
});
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  if (status < 400) document.querySelectorAll(".signed-out").forEach(dismiss);
  if (isRefresh(ctx)) return;
  if (status >= 500) say(`The server answered ${status}. Look whether it was done before you try again.`);
  const undo = ctx.sourceElement.closest(".toast");
  if (undo && status < 500 && status !== 401) dismiss(undo); // it was done, or rejected for good
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx && !isRefresh(ctx)) say("The server cannot be reached. Look whether it was done before you try again.");
});
