// The little that the pages do in the browser: copying links, the address bar, the title, long texts.
(() => {
  // Gradio's own parameters (the colour scheme) stay when we rewrite the address.
  const withGradioParameters = (href) => {
    const url = new URL(href, window.location.href);
    for (const [name, value] of new URLSearchParams(window.location.search)) {
      if (name.startsWith("__") && !url.searchParams.has(name)) url.searchParams.append(name, value);
    }
    return url;
  };

  let shown = null;
  const followState = () => {
    const link = document.querySelector("a.br-state");
    if (!link || link.href === shown) return;
    const first = shown === null;
    shown = link.href;
    const url = withGradioParameters(link.href);
    if (url.href === window.location.href) return;
    window.history[first ? "replaceState" : "pushState"](null, "", url);
  };
  window.addEventListener("popstate", () => window.location.reload());

  const copy = async (button) => {
    const bar = button.closest(".br-link-bar");
    const href = bar.querySelector("a.br-state").href;
    const status = bar.querySelector(".br-copied");
    try {
      await navigator.clipboard.writeText(href);
      status.textContent = "Copied.";
    } catch {
      // No permission, or a page that is not served over HTTPS: select it, so that it can be copied by hand.
      window.prompt("Copy this link:", href);
      status.textContent = "";
    }
    window.setTimeout(() => { status.textContent = ""; }, 3000);
  };

  const showAll = (button) => {
    const rest = document.getElementById(button.getAttribute("aria-controls"));
    if (!rest) return;
    rest.hidden = false;
    rest.tabIndex = -1;
    rest.focus({ preventScroll: true });
    button.hidden = true;
  };

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("br-copy")) copy(button);
    if (button.classList.contains("br-show-all")) showAll(button);
  });

  const settle = () => {
    document.documentElement.lang ||= "en";
    const masthead = document.querySelector(".br-masthead");
    if (masthead && document.title !== masthead.dataset.title) document.title = masthead.dataset.title;
    followState();
  };
  // Gradio draws the page after this script has run, and again whenever an event answers.
  const watch = () => {
    settle();
    new MutationObserver(settle).observe(document.body, {
      childList: true, subtree: true, attributes: true, attributeFilter: ["href"],
    });
  };
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);
})();
