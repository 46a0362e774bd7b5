// The dialog shows the form that htmx puts into it. The form's success, or Cancel, closes it.

const dialog = document.getElementById("dialog");
const ask = document.getElementById("ask");
const isFromForm = ({ sourceElement }) => ask.contains(sourceElement);

new MutationObserver(() => {
  if (ask.firstElementChild && !dialog.open) dialog.showModal();
}).observe(ask, { childList: true });

dialog.addEventListener("close", () => ask.replaceChildren());

document.addEventListener("click", (event) => {
  if (!event.target.closest("dialog .close:not(.toast *)")) return;
  event.preventDefault();
  dialog.close();
});

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (isFromForm(ctx)) dialog.querySelector(".toasts").replaceChildren(); // messages about the attempt before
});

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (isFromForm(ctx) && ctx.response.status < 400) dialog.close();
});
