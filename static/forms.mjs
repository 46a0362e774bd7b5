// Forms: JSON is checked when one stops typing, though the server checks it again; the URL of a filter has no empty
// fields, and what one types into a field makes one entry in the history.

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
  const { body } = ctx.request;
  if (ctx.sourceElement.matches(".filter")) for (const [name, value] of [...body]) if (!value) body.delete(name);
});
document.addEventListener("htmx:before:history:update", ({ detail: { history } }) => {
  const field = document.activeElement.matches("input") && document.activeElement;
  if ((field && field === typedIn) || history.path === location.pathname + location.search) history.type = "replace";
  else typedIn = field;
});
