// A button or link that was pressed is busy until the server has answered, and after 300 ms says data-busy. A refresh
// leaves it alone meanwhile: see live.mjs.

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const button = ctx.request.submitter ?? ctx.sourceElement.closest("a");
  if (!button) return;
  const [text, word] = [button.firstChild, button.firstChild.data];
  const timer = setTimeout(() => (text.data = button.dataset.busy ?? word), 300);
  button.ariaBusy = "true";
  ctx.answered = () => (clearTimeout(timer), (text.data = word), (button.ariaBusy = null));
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => ctx.answered?.());
