// Forms: JSON is checked while one types, though the server checks it again; the URL of a filter has no empty fields.

document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-json]")) return;
  let sentence = "";
  try {
    if (target.value.trim()) JSON.parse(target.value);
  } catch (error) {
    sentence = `This is no JSON: ${error.message}`;
  }
  document.getElementById(`${target.id}-error`).textContent = sentence;
  if (sentence) target.setAttribute("aria-invalid", "true");
  else target.removeAttribute("aria-invalid");
});

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (!ctx.sourceElement.matches(".filter")) return;
  const { body } = ctx.request;
  for (const [name, value] of [...body]) if (!value) body.delete(name);
});
