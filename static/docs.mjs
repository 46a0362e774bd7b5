// The page of the API: Swagger UI, with the roles that its headings and regions lack.

const page = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: page.dataset.url,
  domNode: page,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
  onComplete() {
    for (const heading of page.querySelectorAll("h3.opblock-tag, section.models h4"))
      Object.assign(heading, { role: "heading", ariaLevel: 2 }); // each under the page's h1
    Object.assign(page.querySelector(".information-container"), { role: "region", ariaLabel: "About" });
  },
});
