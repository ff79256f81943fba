// Shows the document. Swagger UI would ask a validator elsewhere about it unless told not to.
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    displayOperationId: true,
    defaultModelsExpandDepth: 0,
    queryConfigEnabled: false,
    validatorUrl: null,
  });
});
