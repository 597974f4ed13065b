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

  // Every step of a reader is one that Back undoes: what they chose, sorted, turned to or opened. Typing is one step,
  // however many letters. The state that an address leads to is written in one way only, so that two can be compared.
  let shown = null;
  let typing = false;
  const parts = (url) => [...url.searchParams].filter(([name]) => !name.startsWith("__") && name !== "q").sort().join("&");
  const followState = () => {
    const link = document.querySelector("gradio-app a.br-state, .gradio-container a.br-state") || document.querySelector("a.br-state");
    if (!link || link.href === shown) return;
    const first = shown === null;
    shown = link.href;
    const url = withGradioParameters(link.href);
    if (wanted !== null) return arrive(url);
    if (url.href === window.location.href) return;
    const before = new URL(window.location.href);
    const typed = url.pathname === before.pathname && parts(url) === parts(before);
    window.history[first || (typed && typing) ? "replaceState" : "pushState"](null, "", url);
    typing = !first && url.searchParams.get("q") !== before.searchParams.get("q");
  };

  // Back and Forward: the page goes to the state of the address as if a link to it had been clicked. A click is ignored
  // while another one is answered, so it is repeated; a page that follows no links is loaded anew.
  const MOST_TRIES = 4;
  let wanted = null;
  let tries = 0;
  let waiting = 0;
  const arrive = (url) => {
    if (url.href === wanted) {
      wanted = null;
      window.clearTimeout(waiting);
    } else go();
  };
  const go = () => {
    const host = document.querySelector("[data-follows]");
    window.clearTimeout(waiting);
    if (!host || tries >= MOST_TRIES) return window.location.reload();
    tries += 1;
    const link = document.createElement("a");
    const query = new URLSearchParams([...new URL(wanted).searchParams].filter(([name]) => !name.startsWith("__")));
    link.dataset.go = query.toString() || "-";
    link.hidden = true;
    host.append(link);
    link.click();
    link.remove();
    waiting = window.setTimeout(go, 2500);
  };
  // Where the reader was when they followed a link is kept with the address, so that Back leads there: to the same place
  // of the page and, where what is open scrolls by itself, of that. The browser knows neither, as both are drawn later.
  const scroller = () => document.querySelector(".br-detail");
  let place = performance.getEntriesByType("navigation")[0]?.type === "back_forward" ? window.history.state?.place : null;
  const leave = (link) => {
    // The link of ours that Back itself clicks.
    if (link.hidden) return;
    place = null;
    window.history.replaceState({ place: [window.scrollY, scroller()?.scrollTop ?? 0] }, "");
  };
  const goBack = () => {
    const [y, inside] = place;
    place = null;
    scroller()?.scrollTo(0, inside);
    window.scrollTo(0, y);
    // What stands above is drawn a moment later, and the browser follows it.
    window.requestAnimationFrame(() => window.requestAnimationFrame(() => window.scrollTo(0, y)));
  };

  window.addEventListener("popstate", (event) => {
    typing = false;
    place = event.state?.place;
    // A control that has the focus keeps what stands in it.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    const link = document.querySelector("a.br-state");
    const here = window.location.href;
    tries = 0;
    wanted = here;
    // A jump within the page, or there and back before anything was answered.
    if (link && withGradioParameters(link.href).href === here.split("#")[0]) wanted = place = null;
    else go();
  });

  // What was closed gives the focus back to where it was opened.
  const closed = (key) => {
    if (!key || (document.activeElement && document.activeElement !== document.body)) return;
    const names = (link) => ["case", "of"].map((name) => new URL(link.href).searchParams.get(name)).join(" ");
    const from = [...document.querySelectorAll("a.br-item")].find((link) => names(link) === key) ?? document.getElementById("br-main");
    from?.focus();
  };

  // What was opened by a click comes into view, and the keyboard continues there.
  let opened = null;
  const followOpened = () => {
    const article = document.querySelector(".br-open");
    const key = article ? article.dataset.key : "";
    if (key === opened || shown === null || document.querySelector(".br-at-once")) return;
    const first = opened === null;
    const before = opened;
    opened = key;
    if (!article) closed(before);
    if (place) return goBack();
    if (!article) return;
    if (first) {
      // A link to an answer opens on it, with what was asked above where there is room.
      const answered = article.querySelector(".br-answered");
      if (answered && answered.getBoundingClientRect().top > window.innerHeight * 0.7) answered.scrollIntoView();
      return;
    }
    scroller()?.scrollTo(0, 0);
    article.scrollIntoView({ block: article.getBoundingClientRect().top < 0 ? "start" : "nearest" });
    const heading = article.querySelector("h2");
    if (heading) heading.focus({ preventScroll: true });
  };

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

  const cite = async (button) => {
    const about = button.closest("details");
    const said = about.querySelector(".br-cited");
    try {
      await navigator.clipboard.writeText(about.querySelector("pre").textContent);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "Select the text above and copy it.";
    }
  };

  const showAll = (button) => {
    const rest = document.getElementById(button.getAttribute("aria-controls"));
    if (!rest) return;
    rest.hidden = false;
    rest.tabIndex = -1;
    rest.focus({ preventScroll: true });
    button.hidden = true;
  };

  const unfold = (target) => {
    const fold = target.closest("details");
    if (fold) fold.open = true;
  };

  // Gradio gives the page a base address, so that a plain jump within it would leave it.
  const jump = (event, link) => {
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    unfold(target);
    if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  };

  // Walking through what is open: j and k or the arrows, Escape closes.
  const WAYS = { j: "a[rel=next]", ArrowRight: "a[rel=next]", k: "a[rel=prev]", ArrowLeft: "a[rel=prev]", Escape: "a.br-close" };
  document.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable], [role=listbox], [role=region]")) return;
    const link = document.querySelector(`.br-open ${way}`);
    if (!link) return;
    event.preventDefault();
    link.click();
  });

  document.addEventListener("click", (event) => {
    const followed = event.target instanceof Element && event.target.closest("a[href], a[data-go]");
    if (followed) leave(followed);
    if (followed && followed.dataset.go) typing = false;
    const link = event.target instanceof Element && event.target.closest('a[href^="#"]');
    if (link) jump(event, link);
    const button = event.target instanceof Element && event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("br-copy")) copy(button);
    if (button.dataset.cite) cite(button);
    if (button.classList.contains("br-show-all")) showAll(button);
  });

  // Gradio's text boxes notice keys that write a character, but no deletion, paste or input method:
  // those are passed on as a key, so that a search follows them too.
  let typed = false;
  document.addEventListener("keypress", (event) => { typed = event.isTrusted; }, true);
  document.addEventListener("input", (event) => {
    const box = event.target;
    if (!typed && box instanceof Element && box.matches('[data-testid="textbox"]')) {
      box.dispatchEvent(new KeyboardEvent("keypress", { bubbles: true }));
    }
    typed = false;
  });

  // What the served HTML showed at once goes as soon as gradio has drawn the same: the reader stays where they are.
  const replaceFirst = () => {
    const first = document.querySelector(".br-at-once");
    if (!first || !document.querySelector("gradio-app a.br-state, .gradio-container a.br-state")) return;
    const open = [...first.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
    const focused = first.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const { scrollX, scrollY } = window;
    first.remove();
    for (const summary of document.querySelectorAll("details > summary")) {
      if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
    if (focused) document.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    window.scrollTo(scrollX, scrollY);
  };

  // On paper everything is open.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
    folded = [];
  });

  // The part of a page that an address names is not there when the browser looks for it, and what stands above it is
  // drawn after it: it is followed until the reader does something.
  let hash = window.location.hash.slice(1);
  const followHash = () => {
    const target = hash && document.querySelector(".br-at-once") === null && document.getElementById(hash);
    if (!target) return;
    unfold(target);
    target.scrollIntoView();
  };
  for (const act of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    window.addEventListener(act, () => (hash = ""), { capture: true, passive: true });
  }

  // On a phone what is open on a wide screen begins folded.
  const fold = () => {
    if (!window.matchMedia("(max-width: 640px)").matches) return;
    for (const one of document.querySelectorAll("details.br-unfolded:not([data-folded])")) {
      one.dataset.folded = "";
      one.open = false;
    }
  };

  // A table that is wider than its place says so, at any width.
  const measure = () => {
    for (const one of document.querySelectorAll(".br-scroll")) {
      const wide = one.scrollWidth > one.clientWidth + 1;
      if (wide !== one.hasAttribute("data-more")) one.toggleAttribute("data-more", wide);
    }
  };
  window.addEventListener("resize", measure);

  // A figure is as wide as the screen, and would be cut at the edge of the paper.
  const PAPER = 690;
  const fit = (one) => (one.style.zoom = Math.min(1, PAPER / one.offsetWidth));
  window.addEventListener("beforeprint", () => document.querySelectorAll(".js-plotly-plot").forEach(fit));
  window.addEventListener("afterprint", () => {
    for (const one of document.querySelectorAll(".js-plotly-plot")) one.style.zoom = "";
  });

  const settle = () => {
    fold();
    window.requestAnimationFrame(measure);
    replaceFirst();
    document.documentElement.lang ||= "en";
    const masthead = document.querySelector(".br-masthead");
    // A page about one thing is called by it.
    const about = document.querySelector("article[data-title]");
    const title = about ? `${about.dataset.title} · ${masthead?.dataset.site}` : masthead?.dataset.title;
    if (title && document.title !== title) document.title = title;
    followState();
    followOpened();
    followHash();
  };
  // Gradio draws the page after this script has run, and again whenever an event answers.
  const watch = () => {
    settle();
    new MutationObserver(settle).observe(document.body, {
      childList: true, subtree: true, attributes: true, attributeFilter: ["href", "data-key"],
    });
  };
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);
})();
