// The page of the API: Swagger UI, with the roles that its headings and regions lack.

function mark(selector, attributes) {
  for (const element of document.querySelectorAll(selector))
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

const page = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: page.dataset.url,
  domNode: page,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
  onComplete() {
    mark("h3.opblock-tag, section.models h4", { role: "heading", "aria-level": 2 }); // each under the page's h1
    mark(".information-container", { role: "region", "aria-label": "About" });
  },
});
