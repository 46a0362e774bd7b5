// Forms: JSON is checked when one stops typing, though the server checks it again; the URL of a filter has no empty
// fields, and what one types into a field makes one entry in the history. The button or link that was pressed is busy
// until the server has answered, and after 300 ms says data-busy; a refresh leaves it alone meanwhile: see live.mjs.

let timer;
let typedIn; // the field that has made the newest entry by typing

function check(field) {
  let sentence = "";
  try {
    if (field.value.trim()) JSON.parse(field.value);
  } catch (error) {
    sentence = `Not valid JSON: ${error.message}`;
  }
  document.getElementById(`${field.id}-error`).textContent = sentence;
  field.ariaInvalid = sentence ? "true" : null;
}

document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-json]")) return;
  clearTimeout(timer);
  timer = setTimeout(() => target.isConnected && check(target), 400);
});
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const { sourceElement: element, request: { body } } = ctx;
  const named = ctx.request.submitter?.getAttribute("formaction"); // of two buttons, each has an address of its own
  const page = named ?? element.getAttribute(element.matches("form") ? "action" : "href");
  ctx.request.action ||= page.replace("/dashboard/", "/dashboard/fragments/"); // a row does not tell it twice
  if (!element.matches(".filter")) return;
  if (body.get("when") !== "between") for (const name of ["since", "until"]) body.delete(name); // they do not show
  for (const [name, value] of [...body]) if (!value) body.delete(name);
});
document.addEventListener("htmx:before:history:update", ({ detail: { history } }) => {
  const field = document.activeElement.matches("input") && document.activeElement;
  if ((field && field === typedIn) || history.path === location.pathname + location.search) history.type = "replace";
  else typedIn = field;
});
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const button = ctx.request.submitter ?? ctx.sourceElement.closest("a");
  if (!button) return;
  const [text, word] = [button.firstChild, button.firstChild.data];
  const timer = setTimeout(() => (text.data = button.dataset.busy ?? word), 300);
  button.ariaBusy = "true";
  ctx.answered = () => (clearTimeout(timer), (text.data = word), (button.ariaBusy = null));
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => ctx.answered?.());
