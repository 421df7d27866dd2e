// The small script of every page: theme, contents, progress, menus, what scrolls. Without it all of
// the course can be read.

{
  const root = document.documentElement;
  // What the browser keeps may be forbidden, or written by somebody else at the same address.
  const store = {
    get: (key) => { try { return localStorage.getItem(`course-${key}`); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(`course-${key}`, value); } catch { /* no */ } },
  };

  // The theme: the system's, light, dark. head.py has set it before the page was drawn.
  const MODES = ["auto", "light", "dark"];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const themeButton = document.querySelector("[data-theme-button]");
  function setMode(mode) {
    root.dataset.mode = mode;
    root.dataset.theme = mode === "auto" ? (system.matches ? "dark" : "light") : mode;
    themeButton.querySelector("span").textContent = `Theme: ${mode}`;
  }
  setMode(MODES.includes(root.dataset.mode) ? root.dataset.mode : "auto");
  themeButton.hidden = false;
  system.addEventListener("change", () => setMode(root.dataset.mode));
  themeButton.addEventListener("click", () => {
    setMode(MODES[(MODES.indexOf(root.dataset.mode) + 1) % MODES.length]);
    store.set("mode", root.dataset.mode);
  });

  // Menus: Escape and a click elsewhere close them.
  const menus = [...document.querySelectorAll("details.menu")];
  addEventListener("click", ({ target }) => {
    for (const menu of menus) if (menu.open && !menu.contains(target)) menu.open = false;
  });
  for (const menu of menus) {
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
    });
  }
  addEventListener("keydown", (event) => {
    const open = menus.find((menu) => menu.open);
    if (event.key === "Escape" && open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
    if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      const field = document.querySelector(".search-form input");
      if (field.offsetParent) field.select();
      else document.querySelector(".search-link").click();
    }
  });

  // Which pages were read to their end: kept in this browser alone, and marked in the menu.
  const index = document.querySelector(".all-chapters nav");
  const name = (address) => new URL(address, location.href).pathname.split("/").pop();
  const readPages = () => new Set((store.get("read") || "").split(" ").filter(Boolean));
  function markRead() {
    const read = readPages();
    for (const link of index.querySelectorAll("li a")) {
      link.classList.toggle("read", read.has(name(link.href)));
      link.querySelector(".visually-hidden")?.remove();
      if (!read.has(name(link.href))) continue;
      const said = document.createElement("span");
      said.className = "visually-hidden";
      said.textContent = " (read)";
      link.append(said);
    }
    forget.hidden = !read.size;
  }
  function remember() {
    const read = readPages(), here = name(location.href);
    if (read.has(here) || !document.body.classList.contains("inner")) return;
    store.set("read", [...read, here].join(" "));
    markRead();
  }
  const forget = document.createElement("button");
  forget.type = "button";
  forget.textContent = "Forget what I have read";
  forget.addEventListener("click", () => {
    store.set("read", "");
    markRead();
  });
  index.append(forget);
  markRead();

  // Where the reader is: marked in the contents, and by the thin line under the bar.
  const links = [...document.querySelectorAll(".contents a")].filter((link) => link.hash);
  const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const line = document.querySelector(".progress");
  let due = false;
  function look() {
    due = false;
    const far = root.scrollHeight - innerHeight;
    if (far > 0 && scrollY > 0.95 * far) remember();
    line.style.transform = `scaleX(${far > 0 ? Math.min(scrollY / far, 1) : 0})`;
    const here = places.findLast((place) => place && place.getBoundingClientRect().top < 140);
    links.forEach((link, k) => {
      if (here && places[k] === here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }
  addEventListener("scroll", () => {
    if (!due) requestAnimationFrame(look);
    due = true;
  }, { passive: true });
  look();

  // The contents begin closed, so that nothing moves when this runs; beside the text CSS shows them,
  // and a screen reader has to know.
  if (matchMedia("(min-width: 70.01rem)").matches) {
    document.querySelector(".contents details")?.setAttribute("open", "");
  }

  // Let the keyboard reach what is wider than the column and scrolls sideways.
  const WIDE = "div.math, .pst-scrollable-table-container, div.highlight pre, .output pre";
  function reach() {
    const places = [...document.querySelectorAll(WIDE)];
    const wide = places.map((place) => place.scrollWidth > place.clientWidth);  // first all is read
    places.forEach((place, k) => {
      if (wide[k]) place.tabIndex = 0;
      else if (place.hasAttribute("tabindex")) place.removeAttribute("tabindex");
    });
  }
  let resized;
  const later = () => {
    clearTimeout(resized);
    resized = setTimeout(reach, 200);
  };
  addEventListener("resize", later);
  document.addEventListener("toggle", later, true);  // what was in a fold
  reach();

  // Cards: CSS shows them, here they get their place: in the margin, where the page has one, as a
  // note beside the line; else under the link, inside the page. Escape closes them. Where there is
  // no pointer the first tap shows the card as a sheet and the second one follows the link.
  const touch = matchMedia("(hover: none)");
  const GAP = 24, LEAST = 220;  // pixels: from the text to a note, and the width of one
  const article = document.querySelector("article"), heading = document.querySelector("h1");
  function fit(place) {
    const card = place.querySelector(".card"), { style, classList } = card;
    style.left = style.width = style.top = "";
    classList.remove("in-margin");
    if (touch.matches) return;
    const start = heading.getBoundingClientRect().right + GAP;
    const room = article.getBoundingClientRect().right - start;
    if (room >= LEAST && !document.body.classList.contains("front")) {
      classList.add("in-margin");
      style.left = `${start - place.getClientRects()[0].left}px`;
      style.width = `${room}px`;
      const low = card.getBoundingClientRect().bottom - innerHeight + 16;
      if (low > 0) style.top = `${-low}px`;
      return;
    }
    const over = card.getBoundingClientRect().right - root.clientWidth + 16;
    if (over > 0) style.left = `${-over}px`;
  }
  for (const place of document.querySelectorAll(".carded")) {
    place.addEventListener("mouseenter", () => fit(place));
    place.addEventListener("focusin", () => fit(place));
    for (const kind of ["mouseleave", "focusout"]) {
      place.addEventListener(kind, () => place.classList.remove("closed"));
    }
    place.querySelector("a").addEventListener("click", (event) => {
      if (!touch.matches || place.classList.contains("open")) return;
      event.preventDefault();
      place.classList.add("open");
    });
  }
  addEventListener("click", ({ target }) => {
    for (const place of document.querySelectorAll(".carded.open")) {
      if (!place.contains(target)) place.classList.remove("open");
    }
  });
  addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    for (const place of document.querySelectorAll(".carded:is(:hover, :focus-within, .open)")) {
      place.classList.add("closed");
      place.classList.remove("open");
    }
  });
}
