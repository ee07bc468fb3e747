// What neither Streamlit nor markup can do. Nothing here is needed to use the app, and nothing here reads or sends
// anything. The page's policy lets this very text run, by its hash, and no other.
(() => {
  "use strict";

  // A citation shows its review beside the answer. The browser would also move the page, until the review stands at
  // its top; it goes back at once, but for what is needed to see the review.
  document.addEventListener("click", (event) => {
    const chip = event.target.closest && event.target.closest("a.qa-chip");
    const card = chip && document.getElementById(decodeURIComponent(chip.hash.slice(1)));
    const panel = card && card.closest(".qa-panel");
    const page = card && card.closest(".stMain");
    if (!panel || !page || getComputedStyle(panel).overflowY !== "auto") return; // on a phone it stands below
    const before = page.scrollTop;
    const inPanel = card.getBoundingClientRect().top - panel.getBoundingClientRect().top + panel.scrollTop;
    const lacking = inPanel - (panel.scrollHeight - panel.clientHeight);
    // the last reviews can come up, too
    if (lacking > 0 && panel.scrollHeight > panel.clientHeight) panel.style.paddingBottom = `${lacking}px`;
    requestAnimationFrame(() => {
      page.scrollTop = before;
      const scrolled = Math.min(inPanel, panel.scrollHeight - panel.clientHeight);
      if (lacking > 0) panel.scrollTop = scrolled;
      const top = panel.getBoundingClientRect().top + inPanel - scrolled;
      const below = top + Math.min(card.offsetHeight, innerHeight / 3) - innerHeight;
      if (below > 0) page.scrollTop += below + 16;
      else if (top < 0) page.scrollTop += top - 16;
    });
  });

  // The text lies beside the button that copies it. Where the page came without encryption from another machine, a
  // browser lets only what is selected be copied.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest(".qa-copy button");
    if (!button) return;
    const text = button.parentElement.querySelector("textarea");
    let copied = true;
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      text.hidden = false;
      text.select();
      copied = document.execCommand("copy");
      text.hidden = copied;
      button.focus();
    }
    const label = button.firstChild;
    const before = label.data;
    label.data = copied ? "Copied" : "Select and copy it here";
    said.textContent = label.data;
    if (copied) setTimeout(() => (label.data = before), 2000);
  });

  // The links to the pages are a navigation, and one of them is of this page.
  const markPages = () => {
    const pages = document.querySelector(".st-key-pages");
    if (!pages) return;
    pages.setAttribute("role", "navigation");
    pages.setAttribute("aria-label", "Pages");
    const last = location.pathname.split("/").pop();
    const links = [...pages.querySelectorAll("a")];
    const current = links.find((link) => link.getAttribute("href").split("?")[0] === last) || links[0];
    for (const link of links) {
      if (link === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };

  // An answer that is done is announced: its headline, or how it begins.
  const said = document.createElement("div");
  said.setAttribute("role", "status");
  said.style.cssText = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)";
  let writing = false;
  const announce = () => {
    if (!said.isConnected) document.body.append(said);
    if (document.querySelector('.qa [aria-busy="true"]')) {
      writing = true;
      return;
    }
    const answer = document.querySelector(".qa-answer :is(.qa-headline, .qa-refusal, .qa-note, p, li)");
    if (!writing || !answer) return;
    writing = false;
    said.textContent = "The answer is there: " + answer.textContent.trim().slice(0, 300);
  };

  // Nothing is shown of a page before all that it begins with is there, the style sheet among it; see first_paint.css.
  // What is loaded later, when something is opened, hides nothing.
  let soon = 0;
  const isDrawn = () => document.querySelector('[class*="st-key-drawn"], .stException');
  const isWhole = () => {
    const app = document.querySelector(".stApp");
    const loads = '[data-testid="stSkeleton"]'; // what Streamlit shows in place of what it still loads
    return app && !app.querySelector(loads) && getComputedStyle(app).getPropertyValue("--qa-accent");
  };
  const show = () => {
    const { classList } = document.documentElement;
    if (!isDrawn()) classList.remove("qa-shown");
    else if (!soon && !classList.contains("qa-shown") && (isWhole() || document.querySelector(".stException"))) {
      soon = setTimeout(() => {
        soon = 0;
        if (isDrawn()) classList.add("qa-shown");
      }, 200);
    }
  };

  let waiting = false;
  const changed = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      markPages();
      announce();
      show();
    });
  };
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(changed).observe(document.body, { childList: true, subtree: true });
    changed();
  });
})();
