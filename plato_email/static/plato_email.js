// What htmx attributes cannot say without eval, which the pages' CSP forbids.
// Every page works without this file.
(() => {
  "use strict";

  // Looks at a test in a row that may get no answer before the page stops asking.
  const PATIENCE = 10;

  const asker = (event) => event.detail?.ctx?.sourceElement;
  const all = (selector) => document.querySelectorAll(selector);

  const tellUnanswered = (event, unanswered) => {
    const selector = asker(event)?.dataset.peUnanswered;
    if (selector) document.querySelector(selector).hidden = !unanswered;
  };

  // The page that watches a test gives up: the server is gone, or no longer lets it look.
  const stopWatching = (event) => {
    tellUnanswered(event, true);
    asker(event).remove();
    all("#pe-test-buttons button").forEach((button) => {
      button.removeAttribute("aria-disabled");
      button.removeAttribute("data-pe-busy");
    });
  };
  const missed = (event) => {
    const trial = asker(event);
    if (!trial?.matches("#pe-trial")) return;
    trial.peMissed = (trial.peMissed ?? 0) + 1;
    if (trial.peMissed >= PATIENCE) stopWatching(event);
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
    if (!response || response.headers.has("X-Plato-Email")) {
      if (response?.status < 400) asker(event).peMissed = 0;
      return;
    }
    event.preventDefault();
    if (!asker(event).matches("#pe-trial")) tellUnanswered(event, true);
    else if (!response || response.status < 500) stopWatching(event);
  });
  document.addEventListener("htmx:error", (event) => {
    missed(event);
    if (!asker(event)?.matches("#pe-trial")) tellUnanswered(event, true);
  });
  document.addEventListener("htmx:response:error", missed);
  document.addEventListener("htmx:config:request", (event) => {
    if (!asker(event)?.matches("#pe-trial")) tellUnanswered(event, false);
  });

  // The address of a GET ends up in the logs of servers on the way: a login that was pasted into
  // a field stays out of it.
  const LOGIN = /(:|\/\/|%3a|\uff1a).*(@|%40|\uff20)|\b(pass\w*|pwd|secret|token)\s*[:=]/is;
  document.addEventListener("htmx:config:request", (event) => {
    const { request } = event.detail.ctx ?? {};
    if (request?.method !== "GET" || !asker(event)?.closest(".plato-email")) return;
    for (const name of ["host", "default_sender"]) {
      const value = request.body?.get(name);
      if (value && LOGIN.test(value)) request.body.delete(name);
    }
  });

  // A button that was replaced by its own answer has lost the focus: the answer gets it, unless
  // the reader has gone on to something else. And the answer is brought into view.
  document.addEventListener("htmx:finally:request", (event) => {
    const { request, target } = event.detail.ctx ?? {};
    if (!asker(event)?.matches("button, #pe-test-result") || request.method !== "POST") return;
    setTimeout(() => {
      const answer = document.querySelector("#pe-trial");
      if (document.activeElement === document.body) answer?.focus({ preventScroll: true });
      target?.scrollIntoView({ block: "nearest" });
    });
  });

  // What was said of the last save is over as soon as something else is done.
  const forgetNotice = (event) => {
    if (!event.target.closest?.(".plato-email form")) return;
    if (event.type === "click" && !event.target.closest("button, summary")) return;
    document.querySelector("[data-pe-notice]")?.remove();
  };
  document.addEventListener("input", forgetNotice);
  document.addEventListener("click", forgetNotice);

  // A button that fills fields in, as filling.py does where no script runs. Here the page stays,
  // and with it a typed password. With data-pe-fill that is all; without, the form is sent as well.
  const OFF = ["", "0", "off", "false"];
  const fillIn = (form, name, value) => {
    const field = form.querySelector(`#pe-${CSS.escape(name)}`);
    if (!field || field.readOnly || field.disabled) return;
    if (field.type === "checkbox") field.checked = !OFF.includes(value);
    else field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".plato-email button[name=use]");
    if (!button?.form) return;
    for (const [name, value] of new URLSearchParams(button.value)) fillIn(button.form, name, value);
    const { peFill, peDone } = button.dataset;
    if (!peFill) return;
    event.preventDefault();
    document.querySelector(peFill).textContent = peDone;
    const login = button.form.querySelector("#pe-requires_login").checked;
    button.form.querySelector(login ? "#pe-password" : "#pe-host").focus();
  });

  // The words next to a field say that it is wrong; so does the field itself.
  document.addEventListener("htmx:after:swap", () => {
    for (const problem of all(".plato-email .pe-problem[id]")) {
      const field = document.getElementById(problem.id.replace(/-problem$/, ""));
      if (problem.textContent) field?.setAttribute("aria-invalid", "true");
      else field?.removeAttribute("aria-invalid");
    }
  });

  // A button that says that it is disabled does nothing, and keeps the focus.
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(".plato-email button[aria-disabled=true]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  // Enter in a field that belongs to another button presses that one, not the form's first.
  document.addEventListener("keydown", (event) => {
    const button = event.target.dataset?.peEnter;
    if (event.key !== "Enter" || !button) return;
    event.preventDefault();
    document.querySelector(button).click();
  });

  // Copy: the browser's clipboard needs a secure page; the older way works on any.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-pe-copy]");
    if (!button) return;
    const area = document.querySelector(button.dataset.peCopy);
    area.select();
    if (navigator.clipboard) navigator.clipboard.writeText(area.value);
    else document.execCommand("copy");
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 4000);
  });

  // Ticking messages: this page at once, a range with Shift, and how many are ticked. While any is,
  // the list does not refresh, so that nothing moves under the reader's hand.
  const ticks = (form) => [...form.querySelectorAll("input[name=ids]")];
  let lastTicked = null;
  const showTicked = () => {
    for (const form of document.querySelectorAll("[data-pe-steer]")) {
      const each = ticks(form);
      const count = each.filter((tick) => tick.checked).length;
      const everything = form.elements.scope.checked;
      const whole = form.querySelector("[data-pe-all]");
      form.querySelector("[data-pe-script]").hidden = false;
      whole.checked = each.length > 0 && count === each.length;
      whole.indeterminate = count > 0 && count < each.length;
      const said = everything ? "all that match" : count ? `${count} selected` : "";
      const told = form.querySelector("[data-pe-selected]");
      if (told.textContent !== said) told.textContent = said;
      for (const button of form.querySelectorAll(".pe-tools button")) {
        button.disabled = !everything && !count;
      }
    }
  };
  document.addEventListener("click", (event) => {
    const tick = event.target;
    const form = tick.closest?.("[data-pe-steer]");
    if (!form) return;
    if (tick.matches("[data-pe-all]")) {
      for (const each of ticks(form)) each.checked = tick.checked;
    } else if (tick.matches("input[name=ids]")) {
      const each = ticks(form);
      const [from, to] = [each.indexOf(lastTicked), each.indexOf(tick)].sort((a, b) => a - b);
      if (event.shiftKey && from >= 0) {
        for (const between of each.slice(from, to + 1)) between.checked = tick.checked;
      }
      lastTicked = tick;
    }
    showTicked();
  });
  document.addEventListener("htmx:before:request", (event) => {
    const list = asker(event);
    if (list?.id === "pe-list" && list.querySelector("[data-pe-steer] :checked")) {
      event.preventDefault();
    }
  });
  document.addEventListener("htmx:after:swap", showTicked);
  addEventListener("pageshow", showTicked);
  showTicked();
})();
