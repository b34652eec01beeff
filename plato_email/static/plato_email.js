// What htmx attributes cannot say without eval, which the pages' CSP forbids.
// Every page works without this file.
(() => {
  "use strict";

  const asker = (event) => event.detail?.ctx?.sourceElement;

  const tellUnanswered = (event, unanswered) => {
    const selector = asker(event)?.dataset.peUnanswered;
    if (selector) document.querySelector(selector).hidden = !unanswered;
  };

  // A tab that nobody looks at asks nothing. Its numbers are asked for as soon as it is looked at
  // again: the element's own trigger listens to visibilitychange.
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden && asker(event)?.matches("[data-pe-poll]")) event.preventDefault();
  });

  // An answer without our mark is not ours (a sign-in page behind a redirect, a proxy's error
  // page): it must not be put into the page, nor may it cost anybody what was typed.
  document.addEventListener("htmx:before:swap", (event) => {
    const { response } = event.detail.ctx;
    if (!asker(event)?.closest(".plato-email")) return;
    if (!response || response.headers.has("X-Plato-Email")) return;
    event.preventDefault();
    tellUnanswered(event, true);
  });
  document.addEventListener("htmx:error", (event) => tellUnanswered(event, true));
  document.addEventListener("htmx:config:request", (event) => tellUnanswered(event, false));

  // A button that was disabled while its request ran has lost the focus: give it back, unless the
  // reader has gone on to something else, and bring the answer into view.
  document.addEventListener("htmx:finally:request", (event) => {
    const button = asker(event);
    if (!button?.matches("button")) return;
    setTimeout(() => {
      if (document.activeElement === document.body) button.focus({ preventScroll: true });
      document.querySelector(button.getAttribute("hx-target")).scrollIntoView({ block: "nearest" });
    });
  });

  // Enter in a field that belongs to another button presses that one, not the form's first.
  document.addEventListener("keydown", (event) => {
    const button = event.target.dataset?.peEnter;
    if (event.key !== "Enter" || !button) return;
    event.preventDefault();
    document.querySelector(button).click();
  });
})();
