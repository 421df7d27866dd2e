// The search page. search-index.js holds what can be found: sections, terms, theorems, figures.
// Every word asked for must begin a word of the title or of the text; a letter or two must be all
// of it, and what only joins words is not asked for.

{
  const MOST = 40;  // results that are shown
  const WEIGHT = { term: 8, section: 3, figure: 1 };
  const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const JOINTS = new Set("a an and at by for in is of on or the to with".split(" "));
  const ALONE = "(?![\\p{L}\\p{N}])";
  const starts = (word) =>
    new RegExp(`(?<![\\p{L}\\p{N}])${escaped(word)}${word.length < 3 ? ALONE : ""}`, "gu");

  /** How well an entry answers; 0 if a word is missing. */
  function score(entry, patterns) {
    let sum = 0;
    for (const pattern of patterns) {
      const inTitle = (plain(entry.title).match(pattern) || []).length;
      const inText = (plain(entry.text).match(pattern) || []).length;
      if (!inTitle && !inText) return 0;
      sum += 12 * Math.min(inTitle, 1) + Math.min(inText, 5);
    }
    return sum + (WEIGHT[entry.kind] ?? 5);
  }

  /** The text around the first word that was found, with the words marked. */
  function excerpt(text, patterns) {
    const seen = plain(text);
    const same = seen.length === text.length;  // else places differ, and the start must do
    const first = Math.max(0, same ? seen.search(patterns[0]) : 0);
    const from = first < 90 ? 0 : text.indexOf(" ", first - 80) + 1;
    const end = text.length > from + 240 ? text.lastIndexOf(" ", from + 240) : text.length;
    const part = text.slice(from, end);
    const line = document.createElement("p");
    line.className = "context";
    if (from) line.append("… ");
    let done = 0;
    const marks = same ? [...plain(part).matchAll(
      new RegExp(patterns.map((p) => p.source).join("|"), "gu"))] : [];
    for (const { index, 0: found } of marks) {
      const mark = document.createElement("mark");
      mark.textContent = part.slice(index, index + found.length);
      line.append(part.slice(done, index), mark);
      done = index + found.length;
    }
    line.append(part.slice(done), end < text.length ? " …" : "");
    return line;
  }

  function show(query) {
    const asked = plain(query).split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
    const told = asked.filter((word) => !JOINTS.has(word));
    const patterns = (told.length ? told : asked).map(starts);
    const list = document.querySelector("ol.search");
    const said = document.querySelector(".found");
    list.replaceChildren();
    document.querySelectorAll("input[name=q]").forEach((field) => { field.value = query; });
    if (!patterns.length) { said.textContent = ""; return; }
    const found = INDEX.map((entry) => [score(entry, patterns), entry])
      .filter(([value]) => value > 0).sort(([a], [b]) => b - a);
    said.textContent = found.length
      ? `${found.length} ${found.length === 1 ? "place" : "places"} for «${query}»`
        + (found.length > MOST ? `, the best ${MOST} of them` : "")
      : `Nothing for «${query}». A word also finds longer ones that begin with it.`;
    for (const [, entry] of found.slice(0, MOST)) {
      const row = document.createElement("li");
      const link = document.createElement("a");
      link.href = `${document.documentElement.dataset.content_root}${entry.page}.html#${entry.anchor}`;
      link.textContent = entry.title || entry.kind;
      const where = document.createElement("span");
      where.className = "where";
      where.textContent = entry.kind === "section" ? entry.in : `${entry.kind} · ${entry.in}`;
      row.append(link, where, excerpt(entry.text, patterns));
      list.append(row);
    }
  }

  const field = document.querySelector(".search-again input");
  const given = new URLSearchParams(location.search).get("q") ?? "";
  show(given);
  if (!given) field.focus();
  document.querySelector(".search-again").addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", `?q=${encodeURIComponent(field.value)}`);
    show(field.value);
  });
}
