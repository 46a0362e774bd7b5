// The dialog shows the form that htmx puts into it. The form's own success, or Cancel, closes it; Escape asks before it
// drops what was typed.

const dialog = document.getElementById("dialog");
const ask = document.getElementById("ask");
let isTyped = false;
const isFromForm = ({ sourceElement }) => ask.contains(sourceElement);
const isForm = ({ hx }) => hx.retarget === "#ask";

ask.addEventListener("input", () => (isTyped = true));
dialog.addEventListener("close", () => (ask.replaceChildren(), (isTyped = false)));
addEventListener("beforeunload", (event) => isTyped && event.preventDefault());

document.addEventListener("click", (event) => {
  if (!event.target.closest("dialog .close:not(.toast *)")) return;
  event.preventDefault();
  dialog.close();
});
// The key, and the other ways to close, of which a browser lets only one be prevented until one types again.
for (const name of ["keydown", "cancel"])
  dialog.addEventListener(name, (event) => {
    if (!isTyped || event.isComposing || (name === "keydown" && event.key !== "Escape")) return;
    event.preventDefault();
    if (confirm("Discard what you typed?")) dialog.close();
  });

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (isFromForm(ctx)) dialog.querySelector(".toasts").replaceChildren(); // messages about the attempt before
});
document.addEventListener("htmx:before:swap", (event) => {
  if (dialog.open && isForm(event.detail.ctx)) event.preventDefault(); // a form that was slow to come
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => isForm(ctx) && dialog.showModal());
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (isFromForm(ctx) && ctx.response.status < 400) dialog.close();
});
